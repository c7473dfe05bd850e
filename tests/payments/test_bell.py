"""Bells: one job for what is due, and no crowd of them."""

import redis

from payments import bell, due
from payments.keys import EVENTS, Keys
from payments.store import Store

KEYS = Keys()
DUE, BELL = KEYS.due(EVENTS), KEYS.bell(EVENTS)


def test_jobs_do_not_pile_up_while_no_worker_runs(client: redis.Redis) -> None:
    client.zadd(DUE, {"a": 1})
    for _ in range(30):
        client.delete(BELL)
        bell.ring_if_due(Store(client, KEYS), EVENTS)
    assert 1 < client.llen("rq:queue:events") < 10


def test_a_bell_rings_once_for_what_is_due(client: redis.Redis) -> None:
    assert not bell.ring_if_due(Store(client, KEYS), EVENTS)
    client.zadd(DUE, {"later": 9e15})
    assert not bell.ring_if_due(Store(client, KEYS), EVENTS)
    client.zadd(DUE, {"a": 1})
    assert bell.ring_if_due(Store(client, KEYS), EVENTS)
    assert not bell.ring_if_due(Store(client, KEYS), EVENTS)
    assert client.llen("rq:queue:events") == 1
    assert 0 < client.pttl(BELL) <= bell.BELL_MS
    due.claim(Store(client, KEYS), EVENTS, 10, first=True)
    client.zadd(DUE, {"b": 1})
    assert bell.ring_if_due(Store(client, KEYS), EVENTS)
