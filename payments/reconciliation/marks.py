"""Since when we watch, and up to when sweeps have compared everything."""

from typing import cast

import redis

from payments.keys import Keys


def note_start(client: redis.Redis, keys: Keys, app: str = "") -> None:
    """Note when the system was started for the first time, or began to sweep an app."""
    client.set(keys.watch_from(app), client.time()[0], nx=True)


def watch_from(client: redis.Redis, keys: Keys, app: str) -> int:
    """Since when (Unix seconds) we watch an app; what is older is old news."""
    note_start(client, keys)
    of_app, of_all = cast("list[bytes | None]", client.mget(keys.watch_from(app), keys.watch_from()))
    return int(of_app or of_all or 0)


def swept_until(client: redis.Redis, keys: Keys, kind: str, app: str) -> int | None:
    """Up to when (Unix seconds) sweeps of that kind have compared everything; None: none has ended yet."""
    found = cast("bytes | None", client.get(keys.swept(kind, app)))
    return int(found) if found else None
