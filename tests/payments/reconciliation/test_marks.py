"""Since when we watch, and up to when all was compared."""

from payments.reconciliation.marks import note_start, swept_until, watch_from
from payments.store import Store


def test_the_first_start_is_noted_once(store: Store) -> None:
    before = store.client.time()[0]
    note_start(store)
    first = int(store.client.get("watch_from") or 0)
    assert before <= first <= store.client.time()[0]
    store.client.set("watch_from", 5)
    note_start(store)
    assert store.client.get("watch_from") == b"5"
    note_start(store, "app_1")
    assert int(store.client.get("watch_from:app_1") or 0) >= first


def test_an_app_that_is_added_later_has_its_own_beginning(store: Store) -> None:
    before = store.client.time()[0]
    assert before <= watch_from(store, "app_1") <= store.client.time()[0], "asked first, it is noted"
    store.client.set("watch_from", 5)
    assert watch_from(store, "app_1") == 5
    store.client.set("watch_from:app_1", 7)
    assert (watch_from(store, "app_1"), watch_from(store, "app_2")) == (7, 5)


def test_each_kind_of_sweep_has_its_own_mark(store: Store) -> None:
    store.client.set("swept:reconcile:app_1", 1_700_000_000)
    assert swept_until(store, "reconcile", "app_1") == 1_700_000_000
    assert swept_until(store, "discover", "app_1") is None
