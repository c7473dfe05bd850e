"""Marks in Redis: since when we watch an app, and up to when sweeps have compared everything of it."""

from typing import cast

from payments import clock
from payments.store import Store


def note_start(store: Store, app: str = "") -> None:
    """Note when the system was started for the first time, or began to sweep an app."""
    store.client.set(store.keys.watch_from(app), clock.now_ms(store.client) // 1000, nx=True)


def watch_from(store: Store, app: str) -> int:
    """Since when (Unix seconds) we watch an app; facts that are older are not published by sweeps."""
    note_start(store)
    of_app, of_all = cast(
        "list[bytes | None]", store.client.mget(store.keys.watch_from(app), store.keys.watch_from())
    )
    return int(of_app or of_all or 0)


def swept_until(store: Store, kind: str, app: str) -> int | None:
    """Up to when (Unix seconds) sweeps of this kind have compared everything; None: no sweep has ended yet."""
    found = cast("bytes | None", store.client.get(store.keys.swept(kind, app)))
    return int(found) if found else None
