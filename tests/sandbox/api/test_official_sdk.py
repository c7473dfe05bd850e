"""Story: the official Python SDK works with the sandbox as with Ping++: unchanged, over HTTP, with signed requests."""

import importlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.objects.channels import CHANNELS
from sandbox.objects.scan import EXAMPLES, PASSWORD
from tests.patience import until
from tests.sandbox.kit import APP, for_channel, order
from tests.sandbox.program import Program, Shop, open_shop, starting

pytestmark = [
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="the SDK's six cannot be imported there"),
    # That same six does it the old way.
    pytest.mark.filterwarnings("ignore:_SixMetaPathImporter:ImportWarning"),
]


def pem_of(key: rsa.RSAPrivateKey) -> str:
    # What `openssl genrsa` writes, and the guide's rsa_private_key.pem is.
    form = serialization.PrivateFormat.TraditionalOpenSSL
    return key.private_bytes(serialization.Encoding.PEM, form, serialization.NoEncryption()).decode()


@dataclass(frozen=True)
class Ground:
    program: Program
    shop: Shop
    private_pem: str


@pytest.fixture(scope="module")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ground]:
    """A sandbox that checks signatures."""
    directory = tmp_path_factory.mktemp("sdk")
    merchant = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = merchant.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (directory / "merchant.pem").write_bytes(public)
    with open_shop() as shop, starting(directory, shop) as start:
        shop.status = 200
        program = start(SANDBOX_MERCHANT_PUBLIC_KEY_FILE=str(directory / "merchant.pem"))
        yield Ground(program, shop, pem_of(merchant))
    # Its six would go on being asked for each module that others import, with a warning each time.
    sys.meta_path[:] = [one for one in sys.meta_path if type(one).__name__ != "_SixMetaPathImporter"]


@pytest.fixture
def sdk(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The SDK as a merchant sets it up, but for the address."""
    httpx.post(f"{ground.program.url}/sandbox/reset").raise_for_status()
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    pingpp = importlib.import_module("pingpp")
    monkeypatch.setattr(pingpp, "api_base", ground.program.url)
    monkeypatch.setattr(pingpp, "api_key", "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC")
    monkeypatch.setattr(pingpp, "private_key", ground.private_pem)
    monkeypatch.setattr(pingpp, "network_retry_delay", 0.01)
    return pingpp


def tell(ground: Ground, path: str, /, **content: Any) -> Any:
    return httpx.post(f"{ground.program.url}/sandbox/{path}", json=content).raise_for_status().json()


def make(sdk: Any, **changes: Any) -> Any:
    return sdk.Charge.create(**order(**changes))


@pytest.mark.parametrize("channel", CHANNELS)
def test_charges_are_created_on_every_channel(sdk: Any, channel: str) -> None:
    charge = make(sdk, **for_channel(channel))
    assert isinstance(charge, sdk.Charge)
    assert charge.channel == channel
    assert charge.paid is channel.endswith("_scan")
    assert (channel in charge.credential) is not channel.endswith("_scan")
    assert charge.subject == "Your Subject 订单"


def test_a_charge_is_retrieved_and_refreshed(sdk: Any, ground: Ground) -> None:
    charge = make(sdk, metadata={"color": "red"})
    again = sdk.Charge.retrieve(charge.id)
    assert again == charge
    assert again.metadata.color == "red"
    tell(ground, f"charges/{charge.id}/pay")
    assert again.refresh().paid is True


def test_charges_are_listed_by_pages_and_filters(sdk: Any, ground: Ground) -> None:
    made = [make(sdk, order_no=f"order{number}").id for number in range(5)][::-1]
    for id_ in made[1:3]:
        tell(ground, f"charges/{id_}/pay")
    listed = sdk.Charge.list(limit=3, app={"id": APP})
    assert ([one.id for one in listed], listed.has_more) == (made[:3], True)
    rest = sdk.Charge.list(limit=3, app={"id": APP}, starting_after=made[2])
    assert ([one.id for one in rest], rest.has_more) == (made[3:], False)
    before = sdk.Charge.list(limit=1, app={"id": APP}, ending_before=made[2])
    assert [one.id for one in before] == made[1:2]
    for filters, wanted in (
        ({"paid": True}, made[1:3]),
        ({"paid": False, "channel": "alipay_qr"}, [made[0], *made[3:]]),
        ({"channel": "wx_pub_qr"}, []),
        ({"refunded": True}, []),
        ({"reversed": False, "created": {"gte": 1, "lt": 4_000_000_000}}, made),
        ({"created": {"gt": 4_000_000_000}}, []),
        ({"app[id]": "app_other"}, []),
    ):
        found = sdk.Charge.list(**({"app[id]": APP} | filters))
        assert [one.id for one in found] == wanted, filters
    with pytest.warns(DeprecationWarning, match="`all` class method"):
        assert len(sdk.Charge.all(limit=3, app={"id": APP})) == 3


def test_a_charge_is_reversed(sdk: Any) -> None:
    charge = make(sdk)
    closed = sdk.Charge.reverse(charge.id)
    assert (closed.reversed, closed.paid) == (True, False)
    paid = make(sdk, **for_channel("wx_pub_scan"))
    assert sdk.Charge.reverse(paid.id).reversed is True


def test_refunds_are_created_retrieved_and_listed(sdk: Any, ground: Ground) -> None:
    charge = make(sdk)
    tell(ground, f"charges/{charge.id}/pay")
    first = sdk.Charge.refund(charge.id, description="退款", amount=30, metadata={"why": "size"})
    assert isinstance(first, sdk.Refund)
    assert (first.amount, first.status, first.succeed) == (30, "pending", False)
    second = sdk.Charge.retrieve(charge.id).refunds.create(description="rest")
    assert second.amount == 70
    assert sdk.Charge.retrieve_refund(charge.id, first.id).id == first.id
    listed = sdk.Charge.list_refunds(charge.id, limit=1)
    assert ([one.id for one in listed], listed.has_more) == ([second.id], True)
    inside = sdk.Charge.retrieve(charge.id).refunds
    assert [one.id for one in inside.list(limit=3)] == [second.id, first.id]
    tell(ground, f"refunds/{first.id}/succeed")
    assert inside.retrieve(first.id).status == "succeeded"
    assert first.refresh().succeed is True


def test_an_event_is_retrieved(sdk: Any, ground: Ground) -> None:
    charge = make(sdk)
    tell(ground, f"charges/{charge.id}/pay")
    url = f"{ground.program.url}/sandbox/deliveries?object_id={charge.id}"
    until(lambda: bool(httpx.get(url).json()["deliveries"]))
    event_id = httpx.get(url).json()["deliveries"][0]["event_id"]
    event = sdk.Event.retrieve(event_id)
    assert (event.id, event.type, event.data.object.id) == (event_id, "charge.succeeded", charge.id)


def test_a_key_that_is_none_is_an_authentication_error(sdk: Any) -> None:
    with pytest.raises(sdk.error.AuthenticationError) as caught:
        sdk.Charge.retrieve("ch_x", api_key="sk_none")
    assert caught.value.http_status == 401


def test_a_wrong_parameter_is_an_invalid_request(sdk: Any) -> None:
    with pytest.raises(sdk.error.InvalidRequestError) as caught:
        make(sdk, amount=0)
    assert (caught.value.http_status, caught.value.param) == (400, "amount")
    with pytest.raises(sdk.error.InvalidRequestError) as caught:
        sdk.Charge.retrieve("ch_unknown")
    assert (caught.value.http_status, caught.value.param) == (404, "id")


def test_what_the_channel_refuses_is_a_channel_error(sdk: Any) -> None:
    extra = {"scan_code": EXAMPLES[PASSWORD], "terminal_id": "T0000001"}
    with pytest.raises(sdk.error.ChannelError) as caught:
        make(sdk, channel="isv_scan", extra=extra)
    assert (caught.value.http_status, caught.value.code) == (402, "channel_request_error")


@pytest.mark.parametrize(
    ("fate", "error"),
    [
        ({"do": "error", "status": 403}, "RateLimitError"),
        ({"do": "error", "status": 500}, "APIError"),
        ({"do": "error", "status": 502, "times": 2}, "APIError"),
        ({"do": "lose_answer"}, "APIConnectionError"),
        ({"do": "lose_request"}, "APIConnectionError"),
    ],
)
def test_bad_days_are_errors_of_their_kind(sdk: Any, ground: Ground, fate: Any, error: str) -> None:
    tell(ground, "next", **fate)
    with pytest.raises(getattr(sdk.error, error)):
        make(sdk)
    assert httpx.get(f"{ground.program.url}/sandbox/next").json()["next"] == []


def test_a_create_that_the_sdk_makes_again_after_a_502_is_one_charge(sdk: Any, ground: Ground) -> None:
    tell(ground, "next", do="error_after", method="POST", path="/v1/charges$")
    charge = make(sdk)
    assert [one.id for one in sdk.Charge.list(app={"id": APP})] == [charge.id]


def test_a_request_without_the_merchants_signature_is_refused(
    sdk: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    stranger = pem_of(rsa.generate_private_key(public_exponent=65537, key_size=2048))
    for key in (None, stranger):
        monkeypatch.setattr(sdk, "private_key", key)
        with pytest.raises(sdk.error.AuthenticationError):
            make(sdk)
