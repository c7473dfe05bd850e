"""Story: taking payments under faults at each call of Redis in turn: killed, cut off, or overtaken by others at it.

The sandbox is the real program, so what was done there stays done, whatever became of us.
"""

import asyncio
import subprocess
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import httpx
import pytest
import redis
from msgspec.structs import replace

from payments.books import attempts, ledger
from payments.books.attempts import NotPossible
from payments.books.join import Decision
from payments.books.payment import Payment
from payments.books.wanted import Wanted
from payments.keys import ASKS, CHECKS, CHECKS_NOW
from payments.pingpp.gateway import Gateway
from payments.store import Store
from payments.taking import calling
from payments.taking.create import create
from payments.taking.desk import Desk
from payments.taking.refund import refund
from payments.taking.reverse import stop
from processes import redis_server
from processes.redis_server import Server
from tests.conftest import messages
from tests.memory import in_memory
from tests.payments.taking.kit import request
from tests.sandbox.program import Program, open_shop, starting
from tests.workers.crash import KEYS, MODES, Fault, failing, in_thread
from workers import ask, check
from workers.context import Context

APP, ORDER = "app_1Gqj58ynP0mHeX1q", "order00000001"
NAME = f"{APP}:{ORDER}"
LONGEST = 60
WANTED = Wanted(app=APP, livemode=False, **request(subject="x", body="x"))

Job = Callable[[Desk], Coroutine[Any, Any, Any]]


@pytest.fixture(scope="module", params=redis_server.binaries()[:1], ids=lambda path: path.name)
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """One kind will do: what differs between them is tried in `test_crash.py`."""
    with in_memory() as directory, redis_server.start(directory, request.param) as running:
        yield running


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as connected:
        yield connected


@pytest.fixture(scope="module")
def program() -> Iterator[Program]:
    with in_memory() as directory, open_shop() as shop, starting(directory, shop) as start:
        shop.status = 200
        yield start(stderr=subprocess.DEVNULL)  # it says much, and nobody reads it


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever overtakes a request that stands still would wait for it in vain."""
    monkeypatch.setattr(calling, "WAIT_FOR_S", 0.1)


def asks_for_it(desk: Desk) -> Coroutine[Any, Any, Any]:
    return create(desk, WANTED)


def gives_back(desk: Desk) -> Coroutine[Any, Any, Any]:
    return refund(desk, NAME, "R1", {"description": "x", "amount": 40})


def ends_it(desk: Desk) -> Coroutine[Any, Any, Any]:
    return stop(desk, NAME, if_paid="keep", ends=True)


class Scene:
    """One Redis, one sandbox, and whoever comes along."""

    def __init__(self, url: str, client: redis.Redis, program: Program) -> None:
        self.url, self.client, self.pingpp = url, client, program.url
        client.flushall()
        httpx.post(f"{self.pingpp}/sandbox/reset").raise_for_status()
        httpx.put(f"{self.pingpp}/sandbox/refunds", json={"settle_after": 86_400}).raise_for_status()

    def does(self, job: Job, client: redis.Redis | None = None) -> Any:
        """Somebody does a job to its end, in a process of their own."""

        async def inside() -> Any:
            async with Gateway(self.pingpp, "sk_test_x") as gateway:
                try:
                    return await job(Desk(Store(client or self.client, KEYS), gateway, False))
                except NotPossible as no:
                    return no

        return in_thread(lambda: asyncio.run(inside()))

    def may_die_at(self, job: Job, fault: Fault) -> None:
        with failing(self.url, fault) as doomed:
            try:
                self.does(job, doomed)
            except BaseException:  # noqa: BLE001  it is gone, one way or the other
                return

    def time_passes(self) -> None:
        """Calls are surely over, all that waits is due, and the workers look."""
        for _ in range(4):
            if self.client.exists(KEYS.payment(NAME)):
                ledger.change(Store(self.client, KEYS), NAME, lambda one, _: Decision(_older(one)))
            waiting = 0
            for what in (ASKS, CHECKS_NOW, CHECKS):
                members: Any = self.client.zrange(KEYS.due(what), 0, -1)
                waiting += len(members)
                if members:
                    self.client.zadd(KEYS.due(what), dict.fromkeys(members, 0), xx=True)
            if not waiting:
                return
            self.workers_look(self.client)

    def workers_look(self, client: redis.Redis) -> None:
        context = Context(
            store=Store(client, KEYS), livemode=False, apps=frozenset(), order_key="order_no",
            keep_bodies_s=60, gateway=lambda: Gateway(self.pingpp, "sk_test_x"),
        )  # fmt: skip
        in_thread(lambda: ask.drain(context))
        for what in (CHECKS_NOW, CHECKS):
            in_thread(lambda what=what: check.drain(context, what))  # type: ignore[misc]

    def charges(self) -> list[dict[str, Any]]:
        answer = httpx.get(f"{self.pingpp}/sandbox/charges", params={"limit": 100}).raise_for_status()
        found: list[dict[str, Any]] = answer.json()["charges"]
        return found

    def pay_all(self) -> None:
        for charge in self.charges():
            httpx.post(f"{self.pingpp}/sandbox/charges/{charge['id']}/pay")

    def payment(self) -> Payment:
        found = ledger.load_payment(Store(self.client, KEYS), NAME)
        assert found is not None
        return found

    def told(self) -> list[str]:
        return [one["id"] for one in messages(self.client)]

    def is_settled(self) -> None:
        """Nothing waits, and nothing is dead."""
        assert not [what for what in (ASKS, CHECKS_NOW, CHECKS) if self.client.exists(KEYS.due(what))]
        assert self.client.zcard(KEYS.dead_letters) == 0
        told = messages(self.client)
        assert [int(one["sequence"]) for one in told] == list(range(1, len(told) + 1))


def _older(payment: Payment) -> Payment:
    ms = attempts.OVER_MS
    return replace(
        payment,
        attempts=tuple(replace(a, at_ms=a.at_ms - ms, over_ms=a.over_ms - ms) for a in payment.attempts),
        reversals=tuple(replace(r, at_ms=r.at_ms - ms, over_ms=r.over_ms - ms) for r in payment.reversals),
        refund_attempts=tuple(
            replace(a, at_ms=a.at_ms - ms, over_ms=a.over_ms - ms) for a in payment.refund_attempts
        ),
    )


def enumerate_faults(
    server: Server,
    client: redis.Redis,
    program: Program,
    mode: str,
    job: Job,
    *,
    before: Callable[[Scene], Any] = lambda _: None,
    after: Callable[[Scene], Any],
) -> int:
    """`job` under the fault at each of its calls, then `after`; how many calls were covered."""
    for at in range(1, LONGEST):
        scene = Scene(server.url, client, program)
        before(scene)

        def others(scene: Scene = scene) -> None:
            with redis.Redis.from_url(server.url) as clean:
                scene.does(job, clean)
                scene.workers_look(clean)

        fault = Fault(at, mode, others)
        scene.may_die_at(job, fault)
        after(scene)
        if not fault.reached:
            return at - 1
    raise AssertionError("that many calls?")


@pytest.mark.parametrize("mode", MODES)
def test_create(server: Server, client: redis.Redis, program: Program, mode: str) -> None:
    def after(scene: Scene) -> None:
        scene.time_passes()
        scene.does(asks_for_it)  # the merchant, who had no answer, asks again
        assert scene.payment().status == "pending"
        scene.pay_all()
        scene.time_passes()
        made = scene.charges()
        known = {charge.id for charge in scene.payment().charges}
        assert {one["id"] for one in made if one["paid"]} <= known
        assert len([one for one in made if one["paid"]]) == 1
        assert scene.told().count(f"paid:{ORDER}") == 1
        assert all(one.startswith(("paid:", "failed:")) for one in scene.told())
        scene.is_settled()

    assert enumerate_faults(server, client, program, mode, asks_for_it, after=after) >= 5


@pytest.mark.parametrize("mode", MODES)
def test_refund(server: Server, client: redis.Redis, program: Program, mode: str) -> None:
    def paid(scene: Scene) -> None:
        scene.does(asks_for_it)
        scene.pay_all()
        scene.time_passes()

    def after(scene: Scene) -> None:
        scene.time_passes()
        scene.does(gives_back)
        listed = scene.charges()[0]["refunds"]["data"]
        assert len(listed) <= 1
        payment = scene.payment()
        assert [refund.id for refund in payment.refunds] == [one["id"] for one in listed]
        for one in listed:
            httpx.post(f"{scene.pingpp}/sandbox/refunds/{one['id']}/succeed").raise_for_status()
        scene.time_passes()
        payment = scene.payment()
        gone = 40 * len(listed)
        assert payment.available(payment.charges[0]) == 100 - gone
        ended = [one for one in scene.told() if not one.startswith("paid:")]
        assert [one.partition(":")[0] for one in ended] == ["refunded" if listed else "refund_failed"]
        scene.is_settled()

    assert enumerate_faults(server, client, program, mode, gives_back, before=paid, after=after) >= 6


@pytest.mark.parametrize("mode", MODES)
def test_close(server: Server, client: redis.Redis, program: Program, mode: str) -> None:
    def after(scene: Scene) -> None:
        scene.does(ends_it)
        scene.time_passes()
        payment = scene.payment()
        assert payment.status == "closed"
        assert [one["reversed"] for one in scene.charges()] == [True]
        assert scene.told() == [f"closed:{payment.charges[0].id}"]
        scene.is_settled()

    def created(scene: Scene) -> None:
        scene.does(asks_for_it)

    assert enumerate_faults(server, client, program, mode, ends_it, before=created, after=after) >= 6


@pytest.mark.parametrize("mode", MODES)
def test_check(server: Server, client: redis.Redis, program: Program, mode: str) -> None:
    """The look at a charge that was paid."""

    def paid(scene: Scene) -> None:
        scene.does(asks_for_it)
        scene.pay_all()
        scene.client.zadd(KEYS.due(CHECKS), {f":{scene.payment().charges[0].id}": 0}, xx=True)

    async def looks(desk: Desk) -> None:
        context = Context(
            store=Store(desk.store.client, KEYS), livemode=False, apps=frozenset(), order_key="order_no",
            keep_bodies_s=60, gateway=lambda: Gateway(program.url, "sk_test_x"),
        )  # fmt: skip
        await check._drain(context, CHECKS)

    def after(scene: Scene) -> None:
        scene.time_passes()
        assert scene.told() == [f"paid:{ORDER}"]
        scene.is_settled()

    assert enumerate_faults(server, client, program, mode, looks, before=paid, after=after) >= 4
