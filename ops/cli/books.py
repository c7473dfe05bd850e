"""Opens the Redis that holds the books for a command, and says in plain words when it cannot."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated
from urllib.parse import unquote, urlsplit

import typer
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from ops.cli.answers import fail
from ops.settings import CommandSettings, settings_for
from payments import bell
from payments.keys import Keys
from payments.store import Store
from processes.redis import RedisNotFound, connect, url

AWAY = (RedisConnectionError, RedisTimeoutError, RedisNotFound)

DataDir = Annotated[
    Path | None,
    typer.Option("--data-dir", help="Of the running system (DATA_DIR, else ./data).", show_default=False),
]


@dataclass(frozen=True, slots=True)
class Books:
    """The books as a command reads them, and the settings that led to them."""

    store: Store
    settings: CommandSettings


@contextlib.contextmanager
def opened(data_dir: Path | None, settings: CommandSettings | None = None) -> Iterator[Books]:
    """The books while a command runs. Ends the command with status 2 if Redis is unreachable, with 1 if it refuses."""
    settings = settings or settings_for(data_dir)
    try:
        with connect(settings) as client:
            yield Books(Store(client, Keys(settings.key_prefix)), settings)
    except AWAY as error:
        fail(why_away(settings, error), status=2)
    except RedisError as error:
        fail(f"Redis at {where(settings)} refuses: {error}", status=1)


def ring(books: Books, due_set: str) -> None:
    """Wake a worker at once. If that fails, nothing is lost: the scheduler rings within a second."""
    bell.use_prefix(books.settings.key_prefix)
    if due_set in bell.JOBS:
        with contextlib.suppress(RedisError, ImportError):
            bell.ring_if_due(books.store, due_set)


def why_away(settings: CommandSettings, error: Exception) -> str:
    """Why Redis is unreachable, and what to do."""
    if isinstance(error, RedisNotFound):
        return str(error)
    return (
        f"Redis at {where(settings)} does not answer: {error}\n"
        "Is the system running? Start it with `make run` (or `pingpp-ingest up`), or set REDIS_URL or DATA_DIR to "
        "those of the running system."
    )


def where(settings: CommandSettings) -> str:
    """The address of Redis, without the password."""
    try:
        parts = urlsplit(url(settings))
    except (RedisNotFound, ValueError):
        return "its address"
    if parts.scheme == "unix":
        return unquote(parts.path)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}"
