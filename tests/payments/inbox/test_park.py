"""An odd event moves from what is applied to what is asked, in one step."""

from payments.inbox.park import park
from payments.keys import ASKS, EVENTS
from payments.store import Store


def test_what_is_still_there_is_moved_with_what_is_odd_about_it(store: Store) -> None:
    store.client.zadd(store.keys.due(EVENTS), {"evt_1:": 1, "evt_2:": 1, "evt_3:": 1})
    store.client.hset(store.keys.attempts(EVENTS), mapping={"evt_1:": "1 5 ", "evt_3:": "1 5 "})
    store.client.hset(store.keys.event("evt_1:"), "seen", "1")
    odd = [("evt_1:", "malformed"), ("evt_2:", "livemode_conflict"), ("evt_9:", "malformed")]
    assert park(store, odd) == 2
    assert store.client.zrange(store.keys.due(EVENTS), 0, -1) == [b"evt_3:"]
    assert store.client.zrange(store.keys.due(ASKS), 0, -1) == [b"evt_1:", b"evt_2:"]
    assert store.client.hkeys(store.keys.attempts(EVENTS)) == [b"evt_3:"]
    assert store.client.hget(store.keys.event("evt_1:"), "odd") == b"malformed"
    assert not store.client.exists(store.keys.event("evt_2:")), "the dedupe memory is not begun anew"
    assert park(store, odd) == 0
