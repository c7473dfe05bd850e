"""The events that were made, and how far the sending of each has come."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.store import Store
from sandbox.webhooks.outbox import Attempt, Outbox, with_counter

EVENT = {"id": "evt_1", "type": "charge.succeeded", "livemode": False, "data": {"object": {"id": "ch_1"}}}


@pytest.fixture
def outbox(tmp_path: Path) -> Iterator[Outbox]:
    store = Store(tmp_path / "sandbox.sqlite")
    yield Outbox(store)
    store.close()


def tried(number: int, state: str = "pending", status: int | None = 500) -> Attempt:
    return Attempt(number, status, None, 1.0, 2.0, state)  # type: ignore[arg-type]


def test_each_copy_is_a_delivery_of_its_own(outbox: Outbox) -> None:
    first, second = outbox.add(EVENT, object_id="ch_1", due=5.0, copies=2)
    assert sorted(outbox.pending()) == [(5.0, first), (5.0, second)]
    outbox.tried(first, tried(1, "delivered", 200), due=5.0)
    assert outbox.pending() == [(5.0, second)]
    assert outbox.delivery(first) is None
    waiting = outbox.delivery(second)
    assert waiting is not None
    assert (waiting.tries, waiting.event_id, waiting.type, waiting.object_id) == (
        0,
        "evt_1",
        "charge.succeeded",
        "ch_1",
    )


def test_the_bytes_are_the_same_at_each_try_but_for_the_counter(outbox: Outbox) -> None:
    (number,) = outbox.add(EVENT, object_id="ch_1", due=5.0)
    delivery = outbox.delivery(number)
    assert delivery is not None
    assert json.loads(delivery.body(3)) == {**EVENT, "pending_webhooks": 3}
    assert delivery.body(3).replace(b":3}", b":0}") == delivery.body(0)
    (fixed,) = outbox.add({**EVENT, "pending_webhooks": 78}, object_id=None, due=5.0)
    delivery = outbox.delivery(fixed)
    assert delivery is not None
    assert json.loads(delivery.body(3))["pending_webhooks"] == 78
    assert with_counter(b"{}", 7) == b'{"pending_webhooks":7}'


def test_tries_are_told_newest_first_by_event_or_by_object(outbox: Outbox) -> None:
    (one,) = outbox.add(EVENT, object_id="ch_1", due=5.0)
    (other,) = outbox.add({**EVENT, "id": 7, "type": None}, object_id=None, due=5.0)
    for number, delivery in ((1, one), (1, other), (2, one)):
        outbox.tried(delivery, tried(number), due=9.0)
    told = outbox.attempts(event_id=None, object_id=None, limit=10)
    assert [(id_, attempt.number) for id_, _, _, attempt in told] == [("evt_1", 2), (None, 1), ("evt_1", 1)]
    assert len(outbox.attempts(event_id="evt_1", object_id=None, limit=10)) == 2
    assert len(outbox.attempts(event_id=None, object_id="ch_1", limit=1)) == 1
    assert outbox.attempts(event_id="evt_1", object_id="ch_2", limit=10) == []


def test_the_newest_event_of_an_id_is_found_in_its_mode(outbox: Outbox) -> None:
    outbox.add(EVENT, object_id="ch_1", due=5.0)
    outbox.add({**EVENT, "type": "charge.failed", "pending_webhooks": 1}, object_id="ch_1", due=5.0)
    found = outbox.event("evt_1", livemode=False)
    assert found is not None
    assert (json.loads(found[0])["type"], found[1]) == ("charge.failed", False)
    assert outbox.event("evt_1", livemode=True) is None
    outbox.empty()
    assert (outbox.event("evt_1", livemode=False), outbox.pending()) == (None, [])
