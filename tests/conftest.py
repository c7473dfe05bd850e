"""What tests of the rooms share: real Redis servers, a key pair, and one builder of charges and events."""

import functools
import json
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
import redis

from payments import bell
from payments.keys import Keys
from processes import redis_server
from tests import signals
from tests.flow.signer import Signer
from tests.memory import in_memory

bell.use_prefix("")
signals.keep_to_ourselves()
hypothesis.settings.register_profile(
    "patient", deadline=None, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("patient")
# Each client of httpx's reads the certificates of all authorities anew, which was a quarter of what all tests take.
ssl.create_default_context = functools.cache(ssl.create_default_context)  # type: ignore[assignment]


@pytest.fixture(scope="session", params=redis_server.binaries(), ids=lambda path: path.name)
def server(request: pytest.FixtureRequest) -> Iterator[redis_server.Server]:
    """A real server with the settings of production, each binary that is there in turn."""
    with in_memory() as directory, redis_server.start(directory, request.param) as running:
        yield running


@pytest.fixture
def client(server: redis_server.Server) -> Iterator[redis.Redis]:
    """A client of an empty server."""
    with redis.Redis.from_url(server.url) as connected:
        connected.flushall()
        yield connected


@pytest.fixture
def anyio_backend() -> str:
    """What an `async def test_…` runs on."""
    return "asyncio"


@pytest.fixture
def keys() -> Keys:
    return Keys()


@pytest.fixture(scope="session")
def signer() -> Signer:
    return Signer()


SAMPLES = Path(__file__).parent / "samples" / "events"


def sample(channel: str) -> bytes:
    """The Event sample of the seed document for a channel, byte for byte."""
    return (SAMPLES / f"{channel}.json").read_bytes()


def charge_object(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A whole Charge as Ping++ sends it, paid unless changed; `number` makes its ids its own."""
    return {
        "id": f"ch_{number:024d}",
        "object": "charge",
        "created": 1_700_000_000,
        "livemode": True,
        "paid": True,
        "refunded": False,
        "reversed": False,
        "app": "app_1Gqj58ynP0mHeX1q",
        "channel": "alipay_qr",
        "order_no": f"order{number:08d}",
        "client_ip": "127.0.0.1",
        "amount": 100,
        "amount_settle": 100,
        "currency": "cny",
        "subject": "Your Subject 简米",
        "body": "Your Body",
        "extra": {"buyer_account": "xin***@126.com"},
        "time_paid": 1_700_000_060,
        "time_expire": 1_700_086_400,
        "time_settle": None,
        "transaction_no": f"20160323{number:012d}",
        "refunds": {"object": "list", "url": "/v1/charges/x/refunds", "has_more": False, "data": []},
        "amount_refunded": 0,
        "failure_code": None,
        "failure_msg": None,
        "metadata": {},
        "credential": {},
        "description": None,
        **changes,
    }


def unpaid(number: int = 1, **changes: Any) -> dict[str, Any]:
    """The same before anybody paid."""
    return charge_object(number, paid=False, time_paid=None, transaction_no=None, extra={}, **changes)


def refund_object(number: int = 1, charge: int = 1, **changes: Any) -> dict[str, Any]:
    """A whole Refund, succeeded unless changed."""
    return {
        "id": f"re_{number:024d}",
        "object": "refund",
        "order_no": f"{number:020d}",
        "amount": 40,
        "created": 1_700_000_100,
        "succeed": True,
        "status": "succeeded",
        "time_succeed": 1_700_000_160,
        "description": "wrong size",
        "failure_code": None,
        "failure_msg": None,
        "metadata": {},
        "charge": f"ch_{charge:024d}",
        "charge_order_no": f"order{charge:08d}",
        "transaction_no": None,
        "funding_source": None,
        "extra": {},
        **changes,
    }


def refunds_of(*refunds: dict[str, Any], has_more: bool = False) -> dict[str, Any]:
    """The list object in a charge."""
    return {"object": "list", "url": "/v1/charges/x/refunds", "has_more": has_more, "data": list(refunds)}


def event_body(
    thing: dict[str, Any], type_: str = "charge.succeeded", number: int | None = None, **changes: Any
) -> bytes:
    """The raw body of a webhook about `thing`."""
    event = {
        "id": f"evt_{number:024d}" if number is not None else f"evt_{str(thing.get('id'))[3:]}",
        "created": 1_700_000_061,
        "livemode": True,
        "type": type_,
        "data": {"object": thing},
        "object": "event",
        "pending_webhooks": 0,
        "request": "iar_qz5G0G0ajvL8fnX9uTvTKm94",
        **changes,
    }
    return json.dumps(event, ensure_ascii=False).encode()


def messages(client: redis.Redis) -> list[dict[str, Any]]:
    """What stands on the fulfilment stream."""
    entries: Any = client.xrange("fulfilment")
    return [json.loads(fields[b"event"]) for _, fields in entries]
