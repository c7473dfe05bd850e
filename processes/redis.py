"""Connects to the Redis that REDIS_URL names, else to the embedded one that `up` started under DATA_DIR."""

from pathlib import Path
from typing import Any, NoReturn

import redis
import redis.asyncio

from processes.settings import Settings, refuse

# Seconds. Without them, calls to a Redis that hangs would never return.
TIMEOUTS: dict[str, Any] = {"socket_connect_timeout": 5.0, "socket_timeout": 15.0}


class RedisNotFound(RuntimeError):
    """No REDIS_URL is set and no embedded Redis is running under DATA_DIR."""


def address_file(data_dir: Path) -> Path:
    """Where the embedded Redis writes its URL once it answers, for every process and for the CLI."""
    return data_dir / "redis" / "url"


def url(settings: Settings) -> str:
    """The address to connect to. Raises RedisNotFound."""
    if settings.redis_url is not None:
        return settings.redis_url.get_secret_value()
    try:
        return address_file(settings.data_dir).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise RedisNotFound(
            f"No Redis: REDIS_URL is not set, and none was started under {settings.data_dir}.\n"
            "Start everything with `make run` (or `pingpp-ingest up`) in another terminal, or set REDIS_URL or "
            "DATA_DIR to what is running."
        ) from None


def connect(settings: Settings) -> redis.Redis:
    """A client for synchronous code, with bytes in and out. It connects at first use. Raises RedisNotFound; a
    REDIS_URL that is no address ends the process with status 2.
    """
    try:
        return redis.Redis.from_url(url(settings), **TIMEOUTS)
    except ValueError:
        _refuse_address()


def connect_async(settings: Settings) -> redis.asyncio.Redis:
    """The same for asyncio code."""
    try:
        # With all connections in use, a caller waits for one instead of being refused.
        pool = redis.asyncio.BlockingConnectionPool.from_url(
            url(settings), max_connections=32, timeout=10, **TIMEOUTS
        )
        return redis.asyncio.Redis.from_pool(pool)
    except ValueError:
        _refuse_address()


def _refuse_address() -> NoReturn:
    # The error of redis-py is not shown: it quotes what it cannot read, perhaps a part of the password.
    refuse(
        "REDIS_URL: not an address of a Redis: redis://[user:password@]host:port/0, rediss:// for TLS, or unix://path. "
        "A password is to be percent-encoded."
    )
