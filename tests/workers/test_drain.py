"""How claims go on: when a drain ends, in which order it takes what waits, and who goes on after it."""

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import redis

from payments import bell, due
from payments.due import ATTEMPTS
from payments.keys import EVENTS
from tests.workers.crash import KEYS, context_with
from workers.context import Context
from workers.drain import Drain


@pytest.fixture
def context(client: redis.Redis) -> Context:
    return context_with(client)


@pytest.fixture
def rung(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The due sets whose bell was rung."""
    found: list[str] = []
    monkeypatch.setattr(bell, "enqueue", lambda _, what: found.append(what))
    return found


def put(client: redis.Redis, *members: str, tried: bool = False) -> None:
    for place, member in enumerate(members):
        client.zadd(KEYS.due(EVENTS), {member: place + 1})
        if tried:
            client.hset(KEYS.attempts(EVENTS), member, "1 1 it broke")


def names(drain: Drain) -> list[list[str]]:
    return [[one.member for one in claim.members] for claim in drain]


def test_it_goes_on_until_nothing_is_due_and_rings_for_nobody(
    client: redis.Redis, context: Context, rung: list[str]
) -> None:
    put(client, "a", "b", "c")
    drain = Drain(context, EVENTS, 2)
    assert names(drain) == [["a", "b"], ["c"]]
    assert (drain.claimed, rung) == (3, [])


def test_the_first_claim_alone_unsets_the_bell(client: redis.Redis, context: Context) -> None:
    put(client, "a", "b")
    client.set(KEYS.bell(EVENTS), 1)
    claims = iter(Drain(context, EVENTS, 1))
    next(claims)
    assert not client.exists(KEYS.bell(EVENTS))
    client.set(KEYS.bell(EVENTS), 1)
    next(claims)
    assert client.exists(KEYS.bell(EVENTS))


def test_those_that_were_tried_before_come_in_every_second_claim(
    client: redis.Redis, context: Context
) -> None:
    put(client, "old1", "old2", tried=True)
    put(client, "new1", "new2", "new3")
    assert names(Drain(context, EVENTS, 1)) == [["new1"], ["old1"], ["new2"], ["old2"], ["new3"]]


def test_one_that_is_used_up_is_handed_out_to_be_buried(client: redis.Redis, context: Context) -> None:
    put(client, "a")
    client.hset(KEYS.attempts(EVENTS), "a", f"{ATTEMPTS} 1 it broke")
    (claim,) = Drain(context, EVENTS, 2)
    assert [one.used_up for one in claim.members] == [True]


def test_when_the_process_is_to_end_it_claims_no_more_and_rings_for_others(
    client: redis.Redis, context: Context, rung: list[str]
) -> None:
    put(client, "a", "b")
    drain = Drain(context, EVENTS, 1)
    for _ in drain:
        assert not drain.over
        context.stopping.set()
    assert (drain.claimed, drain.over, rung) == (1, True, [EVENTS])


def test_so_it_does_when_its_time_is_up(client: redis.Redis, context: Context, rung: list[str]) -> None:
    put(client, "a")
    drain = Drain(context, EVENTS, 1, for_s=0.0)
    assert (names(drain), drain.over, rung) == ([], True, [EVENTS])


def test_it_rings_for_what_is_due_only(context: Context, rung: list[str]) -> None:
    assert (names(Drain(context, EVENTS, 1, for_s=0.0)), rung) == ([], [])


def test_what_is_under_way_takes_of_the_room_and_keeps_it_going(
    client: redis.Redis, context: Context, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(client, "a", "b", "c")
    asked: list[int] = []
    claim = due.claim

    def noted(store: Any, what: str, n: int, **more: Any) -> due.Claim:
        asked.append(n)
        return claim(store, what, n, **more)

    monkeypatch.setattr(due, "claim", noted)
    under_way: set[str] = set()
    ending = iter("abc")
    seen = []
    for one in Drain(context, EVENTS, 2, under_way=under_way):
        seen.append([claimed.member for claimed in one.members])
        under_way.update(seen[-1])
        under_way.remove(next(ending))
    assert (seen, asked) == ([["a", "b"], ["c"], []], [2, 1, 1, 2])


def test_its_desk_is_by_the_settings_and_calls_until_it_ends(context: Context) -> None:
    elsewhere = replace(context, order_key="metadata.order")
    drain = Drain(elsewhere, EVENTS, 1)

    async def retrieve() -> Any:
        async with drain.desk() as desk:
            assert (desk.store, desk.livemode, desk.order_key, desk.schedule) == (
                elsewhere.store, elsewhere.livemode, "metadata.order", elsewhere.schedule,
            )  # fmt: skip
            return await desk.now_ms()

    assert asyncio.run(retrieve()) > 0
