"""A Redis client that fails at its k-th call in a chosen way, and the scenario that is run under it."""

import contextlib
import json
import threading
from collections.abc import Callable
from typing import Any

import httpx
import redis
from redis.client import Pipeline

from payments.dead_letters import letters
from payments.keys import ASKS, CHECKS, Keys
from payments.keys import EVENTS as APPLIED
from payments.pingpp.gateway import Gateway
from payments.store import Store
from tests.conftest import charge_object, event_body, messages, refund_object, refunds_of, unpaid
from workers import apply_events, ask
from workers.context import Context

KEYS = Keys()
WORKED_ON = (APPLIED, ASKS)  # of the due sets; an open charge keeps its check


class Killed(BaseException):
    """The process is gone: no `except Exception` of ours sees this."""


class Fault:
    """What happens at the k-th call of a client: see MODES. `reached` says whether there was such a call."""

    def __init__(self, at: int, mode: str, other: Callable[[], None] = lambda: None) -> None:
        self.at, self.mode, self.other = at, mode, other
        self.calls = 0
        self.reached = False

    def run(self, call: Callable[[], Any]) -> Any:
        self.calls += 1
        if self.calls != self.at:
            return call()
        self.reached = True
        if self.mode == "killed before":
            raise Killed
        if self.mode == "no connection":
            raise redis.ConnectionError("no connection")
        if self.mode == "overtaken before":
            self.other()
        answer = call()
        if self.mode == "killed after":
            raise Killed
        if self.mode == "reply lost":
            raise redis.ConnectionError("reply lost")
        if self.mode == "overtaken after":
            self.other()
        return answer


MODES = (
    "killed before",
    "killed after",
    "no connection",
    "reply lost",
    "overtaken before",
    "overtaken after",
)


class FailingPipeline(Pipeline):
    fault: Fault

    def execute(self, raise_on_error: bool = True) -> Any:
        return self.fault.run(lambda: super(FailingPipeline, self).execute(raise_on_error))

    def immediate_execute_command(self, *args: Any, **options: Any) -> Any:
        plain: Any = super().immediate_execute_command
        return self.fault.run(lambda: plain(*args, **options))


class FailingRedis(redis.Redis):
    """Counts each command, and each pipeline as one."""

    fault: Fault

    def execute_command(self, *args: Any, **options: Any) -> Any:
        plain: Any = super().execute_command
        return self.fault.run(lambda: plain(*args, **options))

    def pipeline(self, transaction: bool = True, shard_hint: Any = None) -> Any:
        pipeline = FailingPipeline(self.connection_pool, self.response_callbacks, transaction, shard_hint)
        pipeline.fault = self.fault
        return pipeline


def failing(url: str, fault: Fault) -> Any:
    client: Any = FailingRedis.from_url(url)
    client.fault = fault
    return client


# What Ping++ knows: the charge of the odd event, and the one whose refund is heard of first.
ODD = charge_object(4)
EARLY_REFUND = refund_object(9, 5)
REFUNDED = charge_object(5, amount_refunded=40, refunds=refunds_of(EARLY_REFUND))
KNOWN = {ODD["id"]: ODD, REFUNDED["id"]: REFUNDED}

EVENTS: list[bytes] = [
    event_body(charge_object(1)),
    event_body(charge_object(1)),  # the same again
    event_body(charge_object(2, order_no="order00000001")),
    event_body(refund_object(1, 1), "refund.succeeded"),
    event_body(unpaid(3), "charge.failed"),
    event_body(ODD, livemode=False),  # event and charge disagree: asked, and confirmed
    event_body(charge_object(6), livemode=False),  # asked, and not found
    event_body(EARLY_REFUND, "refund.succeeded"),  # asked, and found with its charge
    event_body({"id": "summary_1", "object": "x"}, "summary.daily.available", number=77),
    event_body(charge_object(7, livemode=False), livemode=False),  # of the other mode: kept aside
    b"\xffnot json",
]
PUBLISHED = sorted(
    [
        "paid:order00000001",
        f"paid_again:{charge_object(2)['id']}",
        f"refunded:{refund_object(1)['id']}",
        "paid:order00000004",
        "paid:order00000005",
        f"refunded:{EARLY_REFUND['id']}",
        f"evt_{77:024d}:summary_1",
    ]
)
DEAD = ["charge_not_found", "not_json"]


def answer(request: httpx.Request) -> httpx.Response:
    charge = KNOWN.get(request.url.path.rpartition("/")[2])
    if charge is None:
        return httpx.Response(
            404, json={"error": {"type": "invalid_request_error", "message": "No such charge"}}
        )
    return httpx.Response(200, json=charge)


def context_with(client: redis.Redis) -> Context:
    return Context(
        store=Store(client, KEYS),
        livemode=True,
        apps=frozenset(),
        order_key="order_no",
        keep_bodies_s=3600,
        gateway=lambda: Gateway("http://pingpp", "sk_live_x", transport=httpx.MockTransport(answer)),
    )


def leases_run_out(client: redis.Redis) -> None:
    """Time passes: whatever waits is due."""
    for what in WORKED_ON:
        members: Any = client.zrange(KEYS.due(what), 0, -1)
        if members:
            client.zadd(KEYS.due(what), dict.fromkeys(members, 0), xx=True)


def bodies_stay(client: redis.Redis) -> None:
    """No body expires while its event waits for work or for a person."""
    any_client: Any = client
    waiting: set[bytes] = set()
    for what in WORKED_ON:
        waiting |= set(any_client.zrange(KEYS.due(what), 0, -1))
    for id_ in any_client.zrange(KEYS.dead_letters, 0, -1):
        waiting.add(any_client.hget(KEYS.dead_letter(id_.decode()), "member"))
    for member in waiting:
        assert client.ttl(KEYS.body(member.decode())) in (
            -1,
            -2,
        )  # -2: a question about a charge alone has none


def work(context: Context) -> None:
    """What workers do when bells ring, until nothing waits."""
    for _ in range(40):
        bodies_stay(context.store.client)
        leases_run_out(context.store.client)
        apply_events.drain(context)
        in_thread(lambda: ask.drain(context))
        if not any(context.store.client.zcard(KEYS.due(what)) for what in WORKED_ON):
            return
    raise AssertionError("it does not drain")


def in_thread(call: Callable[[], Any]) -> Any:
    """`ask` runs a loop of its own, which cannot be inside another one's."""
    result: list[Any] = []

    def run() -> None:
        try:
            result.append(call())
        except BaseException as error:  # noqa: BLE001  handed on below
            result.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    thread.join()
    if isinstance(result[0], BaseException):
        raise result[0]
    return result[0]


def survives(call: Callable[[], Any]) -> None:
    """A process that may die at it."""
    with contextlib.suppress(Killed, redis.ConnectionError, BaseExceptionGroup):
        call()


def check(client: redis.Redis) -> None:
    """The books and the stream are right: each effect once, and nothing else."""
    assert sorted(one["id"] for one in messages(client)) == PUBLISHED
    found = list(letters.newest(Store(client, KEYS), 100))
    assert sorted(one.reason for one in found) == DEAD
    for letter in found:
        assert letter.count == 1
        assert letters.body(Store(client, KEYS), letter) is not None
        assert client.ttl(KEYS.body(letter.member)) == -1
    assert client.hgetall(KEYS.kept_aside) == {b"other_mode": b"1"}
    bodies_stay(client)
    for what in WORKED_ON:
        assert client.zcard(KEYS.due(what)) == 0
        assert client.hlen(KEYS.attempts(what)) == 0
    checks: Any = client.zrange(KEYS.due(CHECKS), 0, -1)
    assert checks == [f":{unpaid(3)['id']}".encode()]
    names: Any = client.zrange(KEYS.payments, 0, -1)
    assert len(names) == 4
    for name in names:
        document = json.loads(client.get(KEYS.payment(name.decode()))[16:])  # type: ignore[index]
        for charge in document["charges"]:
            assert client.get(KEYS.charge(charge["id"])) == name
            app = name.decode().partition(":")[0]
            assert client.zscore(KEYS.charges(app), charge["id"]) == charge["created"]
        told = [m for m in messages(client) if m.get("partitionkey") == name.decode()]
        assert [int(m["sequence"]) for m in told] == list(range(1, len(told) + 1))
        assert document.get("sequence", 0) == len(told)
