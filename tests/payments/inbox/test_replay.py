"""An event is applied again where its body is there and nobody else has it."""

from payments.dead_letters.letters import letter_id
from payments.inbox.replay import held_by, replay
from payments.keys import ASKS, EVENTS
from payments.store import Store

MEMBER = "evt_1:ch_1"


def test_it_waits_again_with_a_new_count_and_its_body_stays(store: Store) -> None:
    store.client.set(store.keys.body(MEMBER), b"body", ex=60)
    store.client.hset(store.keys.attempts(EVENTS), MEMBER, "9 5 why")
    store.client.hset(store.keys.event(MEMBER), mapping={"seen": 1, "aside": "other_app"})
    assert replay(store, MEMBER) == "replayed"
    assert store.client.zrange(store.keys.due(EVENTS), 0, -1) == [MEMBER.encode()]
    assert store.client.ttl(store.keys.body(MEMBER)) == -1
    assert not store.client.exists(store.keys.attempts(EVENTS))
    assert store.client.hkeys(store.keys.event(MEMBER)) == [b"seen"]


def test_what_is_gone_asked_or_dead_is_left_alone(store: Store) -> None:
    assert replay(store, MEMBER) == "gone"
    store.client.set(store.keys.body(MEMBER), b"body")
    store.client.zadd(store.keys.due(ASKS), {MEMBER: 1})
    assert replay(store, MEMBER) == "asked"
    store.client.delete(store.keys.due(ASKS))
    store.client.zadd(store.keys.dead_letters, {letter_id("event", MEMBER, "no_charge"): 1})
    assert replay(store, MEMBER) == "dead"
    assert store.client.zcard(store.keys.due(EVENTS)) == 0


def test_which_letters_hold_which_events(store: Store) -> None:
    held, body = letter_id("event", MEMBER, "contradicted"), letter_id("webhook", "~ab", "not_json")
    store.client.zadd(
        store.keys.dead_letters, {held: 1, body: 1, letter_id("event", "evt_9:", "no_charge"): 1}
    )
    assert held_by(store, [MEMBER, "~ab", "evt_2:"]) == {MEMBER: held, "~ab": body}
    assert held_by(store, []) == {}
