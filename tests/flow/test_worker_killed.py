"""A worker that dies in the middle of a batch delays that batch alone, and no longer than its lease."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import redis

from tests.flow import books
from tests.flow.kit import System
from tests.flow.signer import charge_id, member, order_no, paid
from tests.patience import until

LEASE = 10.0  # seconds
BURST = 150  # so many that there is time between reading and writing
OTHERS = range(900_000, 900_020)
SECOND, LAST = 500_000, 999_999


def test_a_killed_worker_delays_its_own_events_alone_and_by_no_more_than_their_lease(system: System) -> None:
    with system.redis() as client, stopped(system.processes["worker"].pid):
        # The pool is stopped, so that it cannot start the killed one again meanwhile.
        victim, held, sent = catch_one_in_a_batch(system, client)
        os.kill(victim, signal.SIGKILL)
        died = time.monotonic()
        for number in OTHERS:
            assert system.post(paid(number)) == 200
        until(lambda: published(client, set(OTHERS)), "the other worker went on at once")
        # By order, not by the clock: the others are through while those of the dead still wait.
        assert not published_any(client, held)
        assert {number for number in held if client.zscore("due:events", member(number)) is not None} == held
        until(lambda: published(client, held), "their lease ended, and the other worker took them")
        print(f"{len(held)} events waited {time.monotonic() - died:.1f} s after their worker was killed")
    with system.redis() as client:
        everything = [*range(sent), *OTHERS]
        until(lambda: books.idle(client), "nothing waits")
        assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in everything}
        assert client.zcard("dead_letters") == 0
        books.check_agreement(client)
        until(lambda: system.works("worker"), "the pool has started another one")


def test_a_worker_that_wakes_up_after_its_lease_changes_nothing(system: System) -> None:
    with system.redis() as client:
        sleeper, held, sent = catch_one_in_a_batch(system, client)
        until(lambda: published(client, held), "the other worker took over what it held")
        # A second charge of each of its orders, so that the books have moved beyond what it was going to write.
        for number in held:
            assert system.post(paid(SECOND + number, number)) == 200
        again = {f"paid_again:{charge_id(SECOND + number)}": 1 for number in held}
        until(lambda: books.ids(client).keys() >= again.keys(), "the second charges are published")
        before = books.snapshot(client)
        resume(sleeper)
        body = paid(LAST)
        assert system.post(body) == 200
        until(lambda: published(client, {LAST}) and books.idle(client), "work goes on")
        time.sleep(2)  # by now it has written what it had in mind
        after = books.snapshot(client)
        assert after[b"fulfilment"][: len(before[b"fulfilment"])] == before[b"fulfilment"]
        assert {key: after[key] for key in before if key.startswith(b"payment:")} == {
            key: value for key, value in before.items() if key.startswith(b"payment:")
        }
        everything = [*range(sent), LAST]
        assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in everything} | again
        books.check_agreement(client)


def catch_one_in_a_batch(system: System, client: redis.Redis) -> tuple[int, set[int], int]:
    """A worker that is stopped when it has read the books and not yet written them, the numbers of the events that
    it has claimed, and how many were sent.

    Nobody tells which of both it is, so: stop both, and let one go on. Once it has published what was sent after it
    had published what was sent after that, it holds nothing any more, and what is still claimed is the other's.
    """
    one, other = system.rq_workers("events")
    sent = 0
    for attempt in count():
        assert attempt < 200, "no worker was caught in the middle of a batch"
        pause(one, other)
        for number in range(sent, sent + BURST):
            assert system.post(paid(number)) == 200
        sent += BURST
        with client.monitor() as monitor:  # type: ignore[no-untyped-call]
            resume(one, other)
            while not monitor.next_command()["command"].startswith("MGET charge:"):
                pass
        pause(one, other)
        resume(one)
        for _ in range(2):
            assert system.post(paid(sent)) == 200
            until(lambda last=sent: published(client, {last}), "it goes on")  # type: ignore[misc]
            sent += 1
            if not claimed(client):
                break
        if held := claimed(client):
            print(f"caught at the {attempt + 1}. time")
            return other, held, sent
        resume(other)
        until(lambda: books.idle(client), "nothing waits")
    raise AssertionError


def claimed(client: redis.Redis) -> set[int]:
    """The numbers of the events that somebody has claimed and not recorded."""
    names: Any = client.hkeys("attempts:events")
    return {int(name.rpartition(b"_")[2]) for name in names}


def published(client: redis.Redis, numbers: set[int]) -> bool:
    return {f"paid:{order_no(number)}" for number in numbers} <= books.ids(client).keys()


def published_any(client: redis.Redis, numbers: set[int]) -> set[str]:
    return {f"paid:{order_no(number)}" for number in numbers} & books.ids(client).keys()


def pause(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGSTOP)


def resume(*pids: int) -> None:
    for pid in pids:
        os.kill(pid, signal.SIGCONT)


@contextmanager
def stopped(pid: int) -> Iterator[None]:
    """SIGSTOP it for the while."""
    pause(pid)
    try:
        yield
    finally:
        resume(pid)


def test_lost_bells_are_rung_again_and_two_schedulers_do_no_harm(system: System) -> None:
    system.start_and_wait("scheduler/2")
    with system.redis() as client:
        system.stop("worker")
        for number in range(BURST):
            assert system.post(paid(number)) == 200
        until(lambda: client.llen("rq:queue:events"), "the bell has been rung")
        client.delete("rq:queue:events")  # the job is lost, the bell stays set until its time ends
        began = time.monotonic()
        until(lambda: client.llen("rq:queue:events"), "the bell's time has ended, and a scheduler ticked")
        time.sleep(2)  # the other one ticks, too
        # One job for each time that the bell was set (5 s), not one for each tick of each scheduler.
        assert client.llen("rq:queue:events") <= 1 + (time.monotonic() - began) // 5
        system.start_and_wait("worker")
        until(lambda: books.idle(client), "nothing waits")
        assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in range(BURST)}
        books.check_agreement(client)
