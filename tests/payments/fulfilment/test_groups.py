"""How far each consumer group of the fulfilment stream has read."""

import re

from payments.fulfilment.groups import groups
from payments.store import Store


def test_without_a_stream_there_is_no_group(store: Store) -> None:
    assert groups(store) == []


def test_each_group_says_what_it_has_not_acknowledged_and_what_it_has_not_seen(store: Store) -> None:
    for n in range(3):
        store.client.xadd("fulfilment", {"event": "{}"}, id=f"{1_700_000_000_000 + n}-0")
    store.client.xgroup_create("fulfilment", "new", "0")
    store.client.xgroup_create("fulfilment", "shop", "0")
    store.client.xreadgroup("shop", "till", {"fulfilment": ">"}, count=2)
    store.client.xack("fulfilment", "shop", "1700000000000-0")
    new, shop = groups(store)
    assert new == {
        "name": "new",
        "pending": 0,
        "lag": 3,
        "last_delivered_id": "0-0",
        "last_delivered_at": None,
        "consumers": [],
    }
    (till,) = shop.pop("consumers")
    assert shop == {
        "name": "shop",
        "pending": 1,
        "lag": 1,
        "last_delivered_id": "1700000000001-0",
        "last_delivered_at": "2023-11-14T22:13:20.001Z",
    }
    assert (till["name"], till["pending"]) == ("till", 1)
    assert re.fullmatch(r"\d+", str(till["idle_ms"]))
