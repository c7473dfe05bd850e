"""Dead letters: Redis before, the call, Redis after."""

from typing import Any

from payments.dead_letters import letters
from payments.dead_letters.reasons import REASONS
from payments.keys import EVENTS
from payments.store import Store

MEMBER = "evt_1:ch_1"
ABOUT = {
    "event_id": "evt_1",
    "event_type": "charge.succeeded",
    "charge_id": "ch_1",
    "order_no": "o1",
    "app": "app_1",
}


def pending(store: Store, member: str = MEMBER) -> None:
    store.client.zadd(store.keys.due(EVENTS), {member: 1})
    store.client.hset(store.keys.attempts(EVENTS), member, "3 5 why")
    store.client.set(store.keys.body(member), b"body", ex=60)


def bury(store: Store, member: str = MEMBER, reason: str = "no_charge", **more: Any) -> str:
    pending(store, member)
    id_ = letters.bury(store, EVENTS, member, reason, attempts=3, **more)
    assert id_ is not None
    return id_


def test_in_one_step_it_leaves_the_due_set_and_is_kept(store: Store) -> None:
    id_ = bury(store, about=ABOUT, last_error="why", evidence={"claimed": {"amount": 1}})
    assert store.client.zcard(store.keys.due(EVENTS)) == 0
    assert not store.client.exists(store.keys.attempts(EVENTS))
    assert store.client.ttl(store.keys.body(MEMBER)) == -1, "its body is kept as long as it is"
    letter = letters.get(store, id_)
    assert letter is not None
    assert (letter.kind, letter.reason, letter.member, letter.due_set) == (
        "event",
        "no_charge",
        MEMBER,
        EVENTS,
    )
    assert {name: getattr(letter, name) for name in ABOUT} == ABOUT
    assert (letter.attempts, letter.last_error, letter.count) == (3, "why", 1)
    assert letter.evidence == {"claimed": {"amount": 1}}
    assert letter.first_ms == letter.last_ms > 1_600_000_000_000
    assert letter.explanation == REASONS["no_charge"]
    assert letters.body(store, letter) == b"body"


def test_what_was_done_meanwhile_is_not_buried(store: Store) -> None:
    assert letters.bury(store, EVENTS, MEMBER, "no_charge", attempts=1) is None
    assert (letters.count(store), store.client.keys()) == (0, [])


def test_the_same_trouble_again_is_the_same_letter_counted(store: Store) -> None:
    first = bury(store, last_error="one")
    assert bury(store, last_error="two") == first == letters.letter_id("event", MEMBER, "no_charge")
    letter = letters.get(store, first)
    assert letter is not None
    assert (letter.count, letter.last_error, letters.count(store)) == (2, "two", 1)
    assert bury(store, reason="contradicted") != first
    assert bury(store, "evt_2:ch_1") != first
    assert letters.count(store) == 3


def test_the_newest_trouble_is_listed_first(store: Store) -> None:
    ids = [bury(store, f"evt_{n}:") for n in range(3)]
    store.client.zadd(store.keys.dead_letters, {ids[1]: 9e15})
    store.client.delete(store.keys.dead_letter(ids[0]))  # ended between the two looks
    assert [one.id for one in letters.newest(store, 10)] == [ids[1], ids[2]]
    assert [one.id for one in letters.newest(store, 1)] == [ids[1]]


def test_retry_gives_it_back_with_a_new_count_once(store: Store) -> None:
    letter = letters.get(store, bury(store))
    assert letter is not None
    assert letters.retry(store, letter)
    assert store.client.zrange(store.keys.due(EVENTS), 0, -1) == [MEMBER.encode()]
    assert not store.client.exists(store.keys.attempts(EVENTS), store.keys.dead_letter(letter.id))
    assert store.client.ttl(store.keys.body(MEMBER)) == -1
    assert (letters.count(store), letters.get(store, letter.id)) == (0, None)
    assert not letters.retry(store, letter)
    assert not letters.discard(store, letter, 60)


def test_discard_ends_it_and_its_body_stays_for_a_while(store: Store) -> None:
    letter = letters.get(store, bury(store))
    assert letter is not None
    assert letters.discard(store, letter, 60)
    assert 0 < store.client.ttl(store.keys.body(MEMBER)) <= 60
    assert store.client.keys() == [store.keys.body(MEMBER).encode()]
    assert not letters.discard(store, letter, 60)


def test_the_body_of_what_waits_again_does_not_expire(store: Store) -> None:
    letter = letters.get(store, bury(store))
    assert letter is not None
    store.client.zadd(store.keys.due(EVENTS), {MEMBER: 1})
    assert letters.discard(store, letter, 60)
    assert store.client.ttl(store.keys.body(MEMBER)) == -1


def test_a_letter_of_another_release_is_shown_as_far_as_it_is_known(store: Store) -> None:
    store.client.hset(store.keys.dead_letter("dl_1"), mapping={"reason": "brand_new", "new_field": b"\xff"})
    letter = letters.get(store, "dl_1")
    assert letter is not None
    assert (letter.reason, letter.count, letter.evidence) == ("brand_new", 0, {})
    assert letter.explanation == "Another release wrote this letter; this one does not know the reason."
