"""Follows the fulfilment stream without a consumer group, also across restarts of Redis."""

import time
from collections.abc import Iterator
from typing import Any

import redis
from redis.exceptions import RedisError

from ops.cli.answers import fail, say
from ops.cli.books import AWAY, where, why_away
from ops.settings import CommandSettings
from payments.keys import Keys
from processes.redis import connect

_BLOCK_S = 5.0  # shorter than the socket's time-out
_AT_ONCE = 500
_TRY_EVERY_S = 0.25
_PATIENCE_S = (
    30.0  # with `idle_s`, an unreachable Redis is waited for so long, or for `idle_s` if that is longer
)


def follow(
    settings: CommandSettings, *, from_start: bool, idle_s: float | None
) -> Iterator[tuple[str, bytes]]:
    """Yield (entry id, message) as they come. Ends after `idle_s` seconds without one; waits for an unreachable Redis."""
    stream = Keys(settings.key_prefix).fulfilment
    client, last = _begin(settings, stream, from_start=from_start)
    # The embedded Redis takes the file with its address away when it ends, so the address is read now.
    address = where(settings)
    heard = time.monotonic()
    while True:
        left = _BLOCK_S if idle_s is None else heard + idle_s - time.monotonic()
        try:
            # Even when nothing is left one look is due; BLOCK 0 would mean for ever.
            block = max(1, int(min(left, _BLOCK_S) * 1000))
            answer: Any = client.xread({stream: last}, count=_AT_ONCE, block=block)
        except AWAY as error:
            client.close()
            say(f"Redis at {address} is unreachable ({error}). Waiting for it ...")
            client, last = _wait(settings, stream, last, idle_s)
            heard = time.monotonic()
            continue
        except RedisError as error:
            fail(f"Redis at {address} refuses: {error}")
        entries = _entries(answer)
        for entry_id, fields in entries:
            last = entry_id.decode()
            if b"event" in fields:
                yield last, fields[b"event"]
        if entries:
            heard = time.monotonic()
        elif idle_s is not None and time.monotonic() >= heard + idle_s:
            client.close()
            return


def _begin(settings: CommandSettings, stream: str, *, from_start: bool) -> tuple[redis.Redis, str]:
    try:
        client = connect(settings)
        # Not `$`: a message that came between two reads would be missed.
        end = _end_of(client, stream)
    except AWAY as error:
        fail(why_away(settings, error), status=2)
    except RedisError as error:
        fail(f"Redis at {where(settings)} refuses: {error}")
    return client, "0-0" if from_start else end


def _wait(settings: CommandSettings, stream: str, last: str, idle_s: float | None) -> tuple[redis.Redis, str]:
    """A client that works again, and the entry id after which to go on."""
    until = None if idle_s is None else time.monotonic() + max(idle_s, _PATIENCE_S)
    while True:
        time.sleep(_TRY_EVERY_S)
        client = None
        try:
            client = connect(settings)
            end = _end_of(client, stream)
        except AWAY as error:
            if client is not None:
                client.close()
            if until is not None and time.monotonic() > until:
                fail(why_away(settings, error), status=2)
            continue
        if _position(end) < _position(last):
            say(f"Redis is back, with a stream that ends before {last}: reading it from its start.")
            return client, "0-0"
        say(f"Redis is back: going on after {last}.")
        return client, last


def _entries(answer: Any) -> list[Any]:
    if isinstance(answer, dict):  # RESP3, which REDIS_URL may ask for
        return [entry for chunks in answer.values() for chunk in chunks for entry in chunk]
    return answer[0][1] if answer else []


def _end_of(client: redis.Redis, stream: str) -> str:
    newest: Any = client.xrevrange(stream, count=1)
    return newest[0][0].decode() if newest else "0-0"


def _position(entry_id: str) -> tuple[int, int]:
    milliseconds, _, number = entry_id.partition("-")
    return int(milliseconds), int(number)
