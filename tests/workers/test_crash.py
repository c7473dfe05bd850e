"""Story: the real code against a real Redis, failing before and after each of its calls in turn.

By enumeration, not by chance: a case runs with the fault at call 1, 2, 3, … until there is no such call.
"""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import redis
import redis.asyncio

from payments.dead_letters import letters
from payments.inbox.accept import Inbox, NotStored
from payments.inbox.replay import replay
from payments.pingpp import event
from payments.store import Store
from processes.redis_server import Server
from tests.conftest import charge_object, messages
from tests.workers.crash import (
    EVENTS,
    KEYS,
    MODES,
    PUBLISHED,
    Fault,
    bodies_stay,
    check,
    context_with,
    failing,
    in_thread,
    leases_run_out,
    survives,
    work,
)
from workers import apply_events, ask
from workers.context import Context

LONGEST = 400  # calls; a case that has more is wrong


def accept_all(url: str, fault: Fault | None = None) -> None:
    """Post each event until it is stored, as Ping++ does."""

    async def run() -> None:
        client = redis.asyncio.Redis.from_url(url)
        if fault is not None:
            spoil(client, fault)
        inbox = Inbox(client, KEYS, lambda: None, lambda _: None, remember_s=3600)
        for body in EVENTS:
            for _ in range(5):
                with contextlib.suppress(NotStored):
                    await asyncio.wait_for(inbox.accept(event.identify(body), body), 5)
                    break
            else:
                raise AssertionError("never stored")
        await inbox.close()
        await client.aclose()

    asyncio.run(run())


def spoil(client: redis.asyncio.Redis, fault: Fault) -> None:
    """Make sending or the reply fail at the k-th command, twice in a row, for accept itself tries twice."""
    plain: Any = client.connection_pool.connection_class

    class Spoilt(plain):  # type: ignore[misc]
        lost = False

        async def send_packed_command(self, command: Any, check_health: bool = True) -> None:
            fault.calls += 1
            if fault.at <= fault.calls <= fault.at + 1:
                fault.reached = True
                if fault.mode == "no connection":
                    raise redis.ConnectionError("no connection")
                self.lost = True
            await super().send_packed_command(command, check_health)

        async def read_response(self, *args: Any, **options: Any) -> Any:
            answer = await super().read_response(*args, **options)
            if self.lost:
                self.lost = False
                raise redis.ConnectionError("reply lost")
            return answer

    client.connection_pool.connection_class = Spoilt


def cases(run: Callable[[int], Fault]) -> Iterator[int]:
    """Run with the fault at 1, 2, 3, … as long as it is reached."""
    for at in range(1, LONGEST):
        if not run(at).reached:
            return
        yield at
    raise AssertionError("that many calls?")


def enumerate_faults(
    server: Server, client: redis.Redis, mode: str, job: Callable[[Context], Any], prepare: Callable[[], None]
) -> int:
    """`job` under the fault at each of its calls; then others recover. How many calls were covered."""

    def other() -> None:
        with redis.Redis.from_url(server.url) as clean:
            in_thread(lambda: work(context_with(clean)))

    def run(at: int) -> Fault:
        client.flushall()
        accept_all(server.url)
        prepare()
        fault = Fault(at, mode, other)
        with failing(server.url, fault) as doomed:
            survives(lambda: job(context_with(doomed)))
        fault.mode = ""
        work(context_with(client))
        check(client)
        return fault

    return sum(1 for _ in cases(run))


@pytest.mark.parametrize("mode", ["no connection", "reply lost"])
def test_accept(server: Server, client: redis.Redis, mode: str) -> None:
    def run(at: int) -> Fault:
        client.flushall()
        fault = Fault(at, mode)
        accept_all(server.url, fault)
        work(context_with(client))
        check(client)
        return fault

    assert sum(1 for _ in cases(run)) >= len(EVENTS)


@pytest.mark.parametrize("mode", MODES)
def test_drain(server: Server, client: redis.Redis, mode: str) -> None:
    covered = enumerate_faults(server, client, mode, apply_events.drain, lambda: None)
    assert covered >= 8


@pytest.mark.parametrize("mode", MODES)
def test_drain_of_what_another_left_behind(server: Server, client: redis.Redis, mode: str) -> None:
    """Each event was claimed before by one that died: now each is worked on alone."""

    def claimed_by_one_that_died() -> None:
        with failing(server.url, Fault(2, "killed before")) as doomed:
            survives(lambda: apply_events.drain(context_with(doomed)))
        leases_run_out(client)

    covered = enumerate_faults(server, client, mode, apply_events.drain, claimed_by_one_that_died)
    assert covered >= 3 * (len(EVENTS) - 1)


@pytest.mark.parametrize("mode", MODES)
def test_ask(server: Server, client: redis.Redis, mode: str) -> None:
    def applied() -> None:
        apply_events.drain(context_with(client))
        assert client.zcard(KEYS.due("asks")) == 3

    covered = enumerate_faults(
        server, client, mode, lambda context: in_thread(lambda: ask.drain(context)), applied
    )
    assert covered >= 8


@pytest.mark.parametrize("mode", MODES)
def test_retry(server: Server, client: redis.Redis, mode: str) -> None:
    """A person retries all dead letters, at any moment, with workers about."""

    def retry_all(context: Context) -> None:
        for letter in list(letters.newest(Store(context.store.client, KEYS), 10)):
            letters.retry(Store(context.store.client, KEYS), letter)

    covered = enumerate_faults(server, client, mode, retry_all, lambda: work(context_with(client)))
    assert covered >= 4


def replay_some(context: Context, which: Callable[[str], bool]) -> None:
    """A person replays events, whatever became of them."""
    found: Any = context.store.client.keys("body:*")
    for member in sorted(key.decode().removeprefix("body:") for key in found):
        if which(member):
            replay(Store(context.store.client, KEYS), member)


def replay_all(context: Context) -> None:
    replay_some(context, lambda _: True)


def replay_what_is_in_the_books(context: Context) -> None:
    """What is passed through is told again when a person asks for it, and what is kept aside is counted again."""
    elsewhere = ("summary", charge_object(7)["id"])
    replay_some(context, lambda member: not any(one in member for one in elsewhere))


@pytest.mark.parametrize("mode", MODES)
def test_replay(server: Server, client: redis.Redis, mode: str) -> None:
    def worked_on() -> None:
        work(context_with(client))

    assert enumerate_faults(server, client, mode, replay_what_is_in_the_books, worked_on) >= 8


@pytest.mark.parametrize("person", [replay_all, lambda context: in_thread(lambda: work(context))])
def test_a_drain_that_persons_and_others_overtake(
    server: Server, client: redis.Redis, person: Callable[[Context], Any]
) -> None:
    """At each call of a slow drain somebody else replays, or does all of its work and buries what is dead."""
    for at in range(1, LONGEST):
        client.flushall()
        accept_all(server.url)

        def other() -> None:
            with redis.Redis.from_url(server.url) as clean:
                leases_run_out(clean)
                person(context_with(clean))

        fault = Fault(at, "overtaken before", other)
        with failing(server.url, fault) as slow:
            survives(lambda slow=slow: apply_events.drain(context_with(slow)))  # type: ignore[misc]
        bodies_stay(client)
        work(context_with(client))
        told = [one for one in messages(client) if one["type"].startswith("pingpp.payment.")]
        assert len({one["id"] for one in told}) == len(told) == len(PUBLISHED) - 1
        if not fault.reached:
            return
    raise AssertionError("that many calls?")
