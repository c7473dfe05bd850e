"""The scheduler rings where something is due, once, and has no mind of its own."""

from typing import Any

import pytest
import redis

from payments import clock
from payments.keys import ASKS, CHECKS, DUE_SETS, EVENTS
from payments.store import Store
from tests.workers.crash import KEYS
from workers.scheduler import tick


def rung(client: redis.Redis) -> dict[str, int]:
    """How many jobs wait on each queue that has any."""
    found: Any = {one: client.llen(f"rq:queue:{one}") for one in DUE_SETS}
    return {one: n for one, n in found.items() if n}


def test_it_rings_for_what_is_due_and_not_for_what_is_not(client: redis.Redis) -> None:
    now_ms = clock.now_ms(client)
    client.zadd(KEYS.due(EVENTS), {"evt_1:ch_1": now_ms})
    client.zadd(KEYS.due(ASKS), {":ch_1": now_ms - 3_600_000})
    client.zadd(KEYS.due(CHECKS), {":ch_2": now_ms + 3_600_000})
    tick(Store(client, KEYS))
    assert rung(client) == {EVENTS: 1, ASKS: 1}


@pytest.mark.parametrize("due_set", DUE_SETS)
def test_two_of_them_ring_once_for_each_due_set(client: redis.Redis, due_set: str) -> None:
    client.zadd(KEYS.due(due_set), {"x": 1})
    for _ in range(2):
        tick(Store(client, KEYS))
    assert rung(client) == {due_set: 1}


def test_it_rings_again_once_the_bell_was_heard(client: redis.Redis) -> None:
    client.zadd(KEYS.due(EVENTS), {"evt_1:ch_1": 1})
    tick(Store(client, KEYS))
    client.delete(KEYS.bell(EVENTS))  # by the first claim of a drain
    tick(Store(client, KEYS))
    assert rung(client) == {EVENTS: 2}
