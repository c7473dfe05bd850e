"""Due sets: Redis before, the call, Redis after."""

from typing import Any

import pytest
import redis

from payments import due
from payments.due import ATTEMPTS, Later
from payments.keys import EVENTS, Keys
from payments.store import Store

KEYS = Keys()
DUE, TRIED, BELL = KEYS.due(EVENTS), KEYS.attempts(EVENTS), KEYS.bell(EVENTS)


def put(client: redis.Redis, scores: dict[str, float], tried: dict[Any, Any] | None = None) -> None:
    client.zadd(DUE, scores)
    if tried:
        client.hset(TRIED, mapping=tried)


def claim(client: redis.Redis, n: int = 10, *, first: bool = False) -> list[tuple[str, int]]:
    return [
        (one.member, one.attempts) for one in due.claim(Store(client, KEYS), EVENTS, n, first=first).members
    ]


def scores(client: redis.Redis) -> dict[str, float]:
    found: Any = client.zrange(DUE, 0, -1, withscores=True)
    return {member.decode(): score for member, score in found}


def test_what_is_due_is_lent_for_the_length_of_a_lease(client: redis.Redis) -> None:
    put(client, {"a": 1, "b": 2, "later": 9e15})
    claimed = due.claim(Store(client, KEYS), EVENTS, 10, first=False)
    assert [(m.member, m.since_ms, m.attempts) for m in claimed.members] == [("a", 1, 1), ("b", 2, 1)]
    assert scores(client) == {
        "a": claimed.now_ms + due.LEASE_MS[EVENTS],
        "b": claimed.now_ms + due.LEASE_MS[EVENTS],
        "later": 9e15,
    }
    assert client.hgetall(TRIED) == {b"a": b"1 1 ", b"b": b"1 2 "}
    assert claim(client) == []


def test_no_more_than_asked_for(client: redis.Redis) -> None:
    put(client, {"a": 1, "b": 2, "c": 3})
    assert claim(client, 2) == [("a", 1), ("b", 1)]
    assert claim(client, 2) == [("c", 1)]


@pytest.mark.parametrize("tried_first", [False, True])
def test_one_that_was_tried_comes_alone_and_takes_nobody_with_it(
    client: redis.Redis, tried_first: bool
) -> None:
    put(client, {"a": 1, "tried": 2, "b": 3}, {"tried": "1 777 it broke"})
    if not tried_first:
        assert claim(client) == [("a", 1), ("b", 1)]
    (alone,) = due.claim(Store(client, KEYS), EVENTS, 10, first=False, tried_first=tried_first).members
    assert (alone.member, alone.attempts, alone.last_error) == ("tried", 2, "it broke")
    assert alone.since_ms == 777
    assert client.hget(TRIED, "tried") == b"2 777 it broke"


def test_two_that_were_tried_come_one_after_the_other(client: redis.Redis) -> None:
    put(client, {"x": 1, "y": 2}, {"x": "1 5 ", "y": "3 5 "})
    assert claim(client) == [("x", 2)]
    assert claim(client) == [("y", 4)]


def test_many_that_were_tried_do_not_hide_those_that_were_not(client: redis.Redis) -> None:
    old = {f"old{n}": n for n in range(30)}
    put(client, {**old, "new": 1000}, dict.fromkeys(old, "1 5 "))
    assert claim(client, 10) == [("new", 1)]
    assert len(claim(client, 10)) == 1


def test_one_that_used_up_its_attempts_is_handed_out_to_be_buried(client: redis.Redis) -> None:
    put(client, {"x": 1}, {"x": f"{ATTEMPTS} 5 "})
    for _ in range(3):
        (one,) = due.claim(Store(client, KEYS), EVENTS, 10, first=False).members
        assert one.used_up
        assert one.attempts == ATTEMPTS + 1
        client.zadd(DUE, {"x": 1})
    put(client, {"y": 0}, {"y": f"{ATTEMPTS - 1} 5 "})
    (one,) = due.claim(Store(client, KEYS), EVENTS, 10, first=False).members
    assert not one.used_up


@pytest.mark.parametrize(("first", "left"), [(True, 0), (False, 1)])
def test_the_first_claim_of_a_drain_unsets_the_bell(client: redis.Redis, first: bool, left: int) -> None:
    client.set(BELL, 1)
    claim(client, first=first)
    assert client.exists(BELL) == left


def test_put_off_is_only_what_is_still_there(client: redis.Redis) -> None:
    put(client, {"a": 1, "b": 1}, {"a": "3 5 old", "b": "2 6 "})
    put_off = [Later("a", 60_000, "new"), Later("b", 1_000, "x", count_back=True), Later("done", 1, "x")]
    due.put_off(Store(client, KEYS), EVENTS, put_off)
    found = scores(client)
    assert found.keys() == {"a", "b"}
    assert 58_000 <= found["a"] - found["b"] <= 60_000
    assert client.hgetall(TRIED) == {b"a": b"3 5 new", b"b": b"0 6 x"}


def test_one_whose_count_was_set_back_comes_with_the_others_and_is_as_old_as_it_was(
    client: redis.Redis,
) -> None:
    put(client, {"a": 1, "b": 2}, {"b": "0 777 away"})
    claimed = due.claim(Store(client, KEYS), EVENTS, 10, first=False).members
    assert [(m.member, m.since_ms, m.attempts) for m in claimed] == [("a", 1, 1), ("b", 777, 1)]


@pytest.mark.parametrize(
    ("value", "read"), [(None, (0, None, "")), (b"1 5 ", (1, 5, "")), (b"3 5 it broke", (3, 5, "it broke"))]
)
def test_what_a_field_of_attempts_says(value: bytes | None, read: tuple[int, int | None, str]) -> None:
    assert due.read_attempts(value) == read


def test_delays_grow_and_none_is_the_same_as_another() -> None:
    for attempts in range(1, 9):
        assert due.backoff_ms(attempts + 1) * 1.3 > due.backoff_ms(attempts)
    assert len({due.backoff_ms(3) for _ in range(50)}) > 10
    assert 750 <= due.backoff_by_age_ms(0) <= 1000
    assert 45_000 <= due.backoff_by_age_ms(10**9) <= 60_000


def test_a_prefix_stands_before_every_key(client: redis.Redis) -> None:
    keys = Keys("{shop}:")
    client.zadd("{shop}:due:events", {"a": 1})
    assert due.claim(Store(client, keys), EVENTS, 5, first=True).members
    written: Any = client.keys()
    assert all(key.startswith(b"{shop}:") for key in written)
