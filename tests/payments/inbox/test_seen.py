"""What is known of an event that came in, and where it is on its way."""

from collections.abc import Callable
from typing import Any

import pytest

from payments.dead_letters.letters import letter_id
from payments.inbox.seen import look_up, members_of, recent, shown
from payments.keys import ASKS, EVENTS
from payments.pingpp.event import identify
from payments.store import Store
from tests.conftest import charge_object, event_body

BODY = event_body(charge_object())
MEMBER = identify(BODY)


def accepted(store: Store, member: str = MEMBER, body: bytes | None = BODY) -> None:
    event: dict[Any, Any] = {"received": 1_700_000_000_500, "seen": 2, "digest": "abcd"}
    store.client.hset(store.keys.event(member), mapping=event)
    store.client.lpush(store.keys.recent_events, member)
    if body is not None:
        store.client.set(store.keys.body(member), body)


def pending(store: Store) -> None:
    store.client.zadd(store.keys.due(EVENTS), {MEMBER: 1_700_000_001_000})
    store.client.hset(store.keys.attempts(EVENTS), MEMBER, "3 5 it broke")


def asked(store: Store) -> None:
    store.client.zadd(store.keys.due(ASKS), {MEMBER: 1})
    store.client.hset(store.keys.event(MEMBER), "odd", "malformed")


def dead(store: Store) -> None:
    store.client.zadd(store.keys.dead_letters, {letter_id("event", MEMBER, "no_charge"): 1})


def dead_and_pending_again(store: Store) -> None:
    dead(store)
    pending(store)


def kept_aside(store: Store) -> None:
    store.client.hset(store.keys.event(MEMBER), "aside", "other_app")


STATES: list[tuple[Callable[[Store], object], str]] = [
    (lambda _: None, "done"),
    (pending, "pending"),
    (asked, "asked"),
    (dead, "dead"),
    (dead_and_pending_again, "pending"),
    (kept_aside, "kept_aside"),
]


@pytest.mark.parametrize(("happens", "state"), STATES)
def test_where_it_is(store: Store, happens: Callable[[Store], object], state: str) -> None:
    accepted(store)
    happens(store)
    (one,) = look_up(store, [MEMBER])
    assert (one.state, one.seen, one.digest, one.body) == (state, 2, "abcd", BODY)


def test_it_is_shown_with_its_ids_and_its_way_and_nothing_of_the_buyer(store: Store) -> None:
    accepted(store)
    pending(store)
    (one,) = recent(store, 10)
    assert shown(one) == {
        "event_id": f"evt_{1:024d}",
        "object_id": f"ch_{1:024d}",
        "member": MEMBER,
        "type": "charge.succeeded",
        "created_at": "2023-11-14T22:14:21Z",
        "livemode": True,
        "charge_id": f"ch_{1:024d}",
        "order_no": "order00000001",
        "app": "app_1Gqj58ynP0mHeX1q",
        "state": "pending",
        "received_at": "2023-11-14T22:13:20.500Z",
        "seen": 2,
        "digest": "abcd",
        "odd": None,
        "kept_aside": None,
        "dead_letter": None,
        "due_at": "2023-11-14T22:13:21.000Z",
        "attempts": 3,
        "last_error": "it broke",
        "body_bytes": len(BODY),
    }


@pytest.mark.parametrize(
    ("member", "body", "says"),
    [
        ("~abcd", b"{", {"event_id": None, "object_id": None, "undecodable": "not_json", "body_bytes": 1}),
        (MEMBER, None, {"type": None, "body_bytes": None}),
        ("evt_1:", event_body({"id": None}, "summary.x", 1), {"object_id": None, "charge_id": None}),
        (f"{MEMBER}~abcd", BODY, {"object_id": f"ch_{1:024d}"}),
    ],
)
def test_as_far_as_its_body_is_there_and_can_be_read(
    store: Store, member: str, body: bytes | None, says: dict[str, Any]
) -> None:
    accepted(store, member, body)
    (one,) = look_up(store, [member])
    found = shown(one)
    assert {name: found.get(name) for name in says} == says


def test_one_whose_memory_is_over_has_empty_fields(store: Store) -> None:
    (one,) = look_up(store, ["evt_9:"])
    assert (one.state, one.received_ms, one.seen, one.body) == ("done", None, 0, None)


def test_many_are_looked_up_in_order_and_the_latest_come_first(store: Store) -> None:
    for n in range(450):
        accepted(store, f"evt_{n}:", None)
    assert [one.member for one in recent(store, 410)] == [f"evt_{n}:" for n in range(449, 39, -1)]


def test_an_id_can_belong_to_several_objects(store: Store) -> None:
    for member in ("evt_1:ch_1", "evt_1:ch_2", "evt_10:ch_1", "evt_*:x", "~ab"):
        accepted(store, member, None)
    assert members_of(store, "evt_1") == ["evt_1:ch_1", "evt_1:ch_2"]
    assert members_of(store, "evt_1:ch_2") == ["evt_1:ch_2"]
    assert members_of(store, "~ab") == ["~ab"]
    assert members_of(store, "evt_*") == ["evt_*:x"], "no wildcard"
    assert members_of(store, "evt_9") == members_of(store, "evt_9:ch_1") == []
