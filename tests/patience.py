"""Waiting for what must come about: long enough for a machine with other work, because slowness is no fault here."""

import asyncio
import functools
import time
from collections.abc import Callable

import redis

PATIENCE_S = 120.0  # far more than any of it takes; less than the time-out of a test


def until(true: Callable[[], object], what: str = "it comes about", within: float = PATIENCE_S) -> None:
    """Wait for something to come true."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        time.sleep(0.02)


async def until_async(
    true: Callable[[], object], what: str = "it comes about", within: float = PATIENCE_S
) -> None:
    """The same where others have to go on meanwhile."""
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, f"not within {within:g} s: {what}"
        await asyncio.sleep(0.005)


def in_a_moment(test: Callable[[redis.Redis], None]) -> Callable[[redis.Redis], None]:
    """For a test that names milliseconds of Redis's own clock, which runs on: what fails while the machine is busy
    elsewhere is tried again.
    """

    @functools.wraps(test)
    def again(client: redis.Redis) -> None:
        while True:
            client.flushall()
            began = time.monotonic()
            try:
                return test(client)
            except AssertionError:
                if time.monotonic() - began < 0.1:
                    raise

    return again
