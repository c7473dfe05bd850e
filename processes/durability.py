"""Judges whether a Redis keeps what it acknowledges, and whether it can be written at all.

`look` reads its settings and `judge` decides, so that the rules are a pure function.
"""

import contextlib
import re
from collections.abc import Mapping
from typing import Any

import redis
import redis.asyncio
from redis import exceptions

from processes.finding import Finding

OLDEST_REDIS, OLDEST_VALKEY = (7, 0), (7, 2)
PROBE_LIVES_MS = 10_000

# Two questions, because a Redis before 7.0 takes one pattern only; it has to answer to be found too old.
PATTERNS = ("*append*", "maxmemory*")


def look(client: redis.Redis) -> tuple[dict[str, str], dict[str, Any]]:
    """What `judge` needs: CONFIG and INFO, each empty where it is not allowed. Raises RedisError if
    unreachable.
    """
    config: dict[Any, Any] = {}
    try:
        for pattern in PATTERNS:
            config.update(client.config_get(pattern))
    except exceptions.ResponseError:  # such as NoPermissionError, or an unknown command
        config = {}
    info: dict[str, Any] = {}
    with contextlib.suppress(exceptions.ResponseError):
        info = dict(client.info())
    return _text(config), info


async def look_async(client: redis.asyncio.Redis) -> tuple[dict[str, str], dict[str, Any]]:
    """The same for asyncio code."""
    config: dict[Any, Any] = {}
    try:
        for pattern in PATTERNS:
            config.update(await client.config_get(pattern))
    except exceptions.ResponseError:
        config = {}
    info: dict[str, Any] = {}
    with contextlib.suppress(exceptions.ResponseError):
        info = dict(await client.info())
    return _text(config), info


def judge(config: Mapping[str, str], info: Mapping[str, Any]) -> list[Finding]:
    """All that is wrong or cannot be seen, the worst first. `config` is empty where CONFIG is not allowed."""
    found = [*_version(info), *_role(info), *_aof(config, info), *_memory(config, info)]
    return sorted(found, key=lambda one: ("refuse", "warn", "unknown").index(one.level))


def probe_write(client: redis.Redis, key_prefix: str) -> Finding | None:
    """Write a small key that soon expires. Returns why that failed; None: it was written."""
    try:
        client.set(_probe_key(key_prefix), "1", px=PROBE_LIVES_MS)
    except (exceptions.RedisError, OSError) as error:
        return explain(error)
    return None


async def probe_write_async(client: redis.asyncio.Redis, key_prefix: str) -> Finding | None:
    """The same for asyncio code."""
    try:
        await client.set(_probe_key(key_prefix), "1", px=PROBE_LIVES_MS)
    except (exceptions.RedisError, OSError) as error:
        return explain(error)
    return None


def explain(error: Exception) -> Finding:
    """Why a write failed, and what an operator can do about it."""
    for kind, words, code, message in REASONS:
        if isinstance(error, kind) and words in str(error):
            return Finding("refuse", code, f"{message} (It says: {error})")
    return Finding(
        "refuse",
        "redis_refused",
        f"Redis refused a write. Look into its log. (It says: {type(error).__name__}: {error})",
    )


# The client's exception, words that must be in its text, our code word, and what an operator should do.
REASONS: tuple[tuple[type[Exception], str, str, str], ...] = (
    (exceptions.OutOfMemoryError, "", "redis_full",
     "Redis has used all the memory it may. Raise its maxmemory, or give it a bigger machine."),
    (exceptions.ResponseError, "MISCONF", "redis_disk_failed",
     "Redis cannot write to its disk and refuses writes. Free disk space or repair the disk; its log has details."),
    (exceptions.ResponseError, "NOREPLICAS", "redis_lacks_replicas",
     "Redis has fewer replicas than its min-replicas-to-write. Bring them back, or lower that setting."),
    (exceptions.ReadOnlyError, "", "redis_read_only",
     "This Redis is a replica and cannot be written. Set REDIS_URL to the primary."),
    (exceptions.AuthenticationError, "", "redis_auth",
     "Redis does not accept our name and password. Correct them in REDIS_URL."),
    (exceptions.NoPermissionError, "", "redis_not_permitted",
     "Our Redis user may not write our keys. Allow it the commands and keys that we need (ACL SETUSER)."),
    (exceptions.BusyLoadingError, "", "redis_loading",
     "Redis has just started and is loading its data. Wait; it answers when it has."),
    (exceptions.MasterDownError, "", "redis_primary_down",
     "This Redis is a replica that has lost its primary. Bring that back, or set REDIS_URL to the new one."),
    (exceptions.ConnectionError, "max number of clients", "redis_too_many_clients",
     "Redis has as many clients as it may. Raise its maxclients, or end some of them."),
    (exceptions.TimeoutError, "", "redis_slow",
     "Redis does not answer in time. See whether it is overloaded, its disk is slow, or the network loses packets."),
    (exceptions.ConnectionError, "", "redis_away",
     "Redis cannot be reached. Start it, or correct REDIS_URL."),
    (OSError, "", "redis_away",
     "Redis cannot be reached. Start it, or correct REDIS_URL."),
)  # fmt: skip


def _text(config: dict[Any, Any]) -> dict[str, str]:
    def one(value: Any) -> str:
        return value.decode() if isinstance(value, bytes) else str(value)

    return {one(name): one(value) for name, value in config.items()}


def _probe_key(key_prefix: str) -> str:
    return f"{key_prefix}probe"


def _version(info: Mapping[str, Any]) -> list[Finding]:
    # Valkey gives a redis_version too: the version of Redis that it is compatible with.
    name = "Valkey" if "valkey_version" in info else "Redis"
    oldest = OLDEST_VALKEY if name == "Valkey" else OLDEST_REDIS
    version = str(info.get(f"{name.lower()}_version", ""))
    numbers = re.match(r"(\d+)\.(\d+)", version)
    if numbers is None:
        return [
            Finding(
                "unknown",
                "version_unknown",
                "The version of this Redis cannot be seen. It must be 7.0 or newer.",
            )
        ]
    if (int(numbers[1]), int(numbers[2])) >= oldest:
        return []
    needed = ".".join(map(str, oldest))
    return [Finding("refuse", "redis_too_old", f"This is {name} {version}. Use {name} {needed} or newer.")]


def _role(info: Mapping[str, Any]) -> list[Finding]:
    if info.get("role") not in ("slave", "replica"):
        return []
    return [
        Finding(
            "refuse",
            "redis_read_only",
            "This Redis is a replica and cannot be written. Set REDIS_URL to the primary.",
        )
    ]


def _aof(config: Mapping[str, str], info: Mapping[str, Any]) -> list[Finding]:
    on = config["appendonly"] == "yes" if "appendonly" in config else _flag(info.get("aof_enabled"))
    if on is None:
        return [
            Finding(
                "unknown",
                "aof_unknown",
                "Whether this Redis writes an append-only file cannot be seen. Without one a crash loses acknowledged "
                "webhooks: ask its operator for appendonly yes and appendfsync always.",
            )
        ]
    if not on:
        return [
            Finding(
                "refuse",
                "no_aof",
                "This Redis writes no append-only file: a crash would lose acknowledged webhooks, which Ping++ does not "
                "send again. Set appendonly yes and appendfsync always.",
            )
        ]
    found = list(_fsync(config))
    if info.get("aof_last_write_status", "ok") != "ok":
        found.append(
            Finding(
                "refuse",
                "aof_write_failed",
                "The last write of this Redis to its append-only file failed. Free disk space or repair the disk; its "
                "log has details.",
            )
        )
    if info.get("aof_last_bgrewrite_status", "ok") != "ok":
        found.append(
            Finding(
                "warn",
                "aof_rewrite_failed",
                "This Redis failed to rewrite its append-only file, which therefore keeps growing. Look for free memory "
                "and disk space; its log has details.",
            )
        )
    return found


def _fsync(config: Mapping[str, str]) -> list[Finding]:
    how = config.get("appendfsync")
    if how is None:
        return [
            Finding(
                "unknown",
                "appendfsync_unknown",
                "CONFIG is not allowed on this Redis, so its appendfsync cannot be seen. With everysec (the default) a "
                "crash loses up to a second of acknowledged webhooks: ask its operator for always.",
            )
        ]
    if how == "no":
        return [
            Finding(
                "refuse",
                "appendfsync_no",
                "This Redis leaves it to the system when its file gets to disk (appendfsync no): a crash of the machine "
                "would lose half a minute of acknowledged webhooks. Set appendfsync always.",
            )
        ]
    if how == "everysec":
        return [
            Finding(
                "warn",
                "appendfsync_everysec",
                "This Redis writes to disk once a second (appendfsync everysec): up to a second of acknowledged webhooks "
                "can be lost in a crash. Set appendfsync always.",
            )
        ]
    if config.get("no-appendfsync-on-rewrite", "no") == "yes":
        return [
            Finding(
                "warn",
                "no_fsync_on_rewrite",
                "This Redis does not wait for the disk while it rewrites its file (no-appendfsync-on-rewrite yes): what "
                "is acknowledged then can be lost in a crash. Set it to no.",
            )
        ]
    return []


def _memory(config: Mapping[str, str], info: Mapping[str, Any]) -> list[Finding]:
    policy = config.get("maxmemory-policy", info.get("maxmemory_policy"))
    limit = config.get("maxmemory", info.get("maxmemory"))
    if policy is None:
        return [
            Finding(
                "unknown",
                "eviction_unknown",
                "What this Redis does when its memory is full cannot be seen. It must not evict keys: ask its operator "
                "for maxmemory-policy noeviction.",
            )
        ]
    if policy == "noeviction":
        return []
    if limit is None or int(limit) > 0:
        return [
            Finding(
                "refuse",
                "evicting",
                f"This Redis throws keys away when its memory is full (maxmemory-policy {policy}): webhooks and books "
                "would be lost without an error. Set maxmemory-policy noeviction.",
            )
        ]
    return [
        Finding(
            "warn",
            "evicting_policy",
            f"This Redis would throw keys away when its memory is full (maxmemory-policy {policy}); it has no maxmemory "
            "yet. Set maxmemory-policy noeviction.",
        )
    ]


def _flag(value: Any) -> bool | None:
    return None if value is None else str(value) == "1"
