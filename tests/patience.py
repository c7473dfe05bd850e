"""Waiting for what must come about: long enough for a machine with other work, because slowness is no fault here."""

import asyncio
import time
from collections.abc import Callable

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
