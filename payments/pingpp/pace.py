"""The pace of our calls to Ping++: one budget in Redis for all processes, which shrinks when Ping++ is in
trouble.

A call that reads waits for its turn: a token of a bucket that holds one second's worth, and a place in
flight. A call that fails in a way that passes (403, 429, 5xx, time-out, not reached) halves the pace, at most
once a second. Calls that succeed raise it, from the floor to full in two minutes. The floor is one call a
second: calls that are due then show whether Ping++ works again.

So while no call succeeds for T seconds, at most T + 2 * rate + in_flight calls are made: those at the floor,
those in the bucket and while the pace falls, and those under way before the first failure. An hour of that is
some 3,700 calls at a rate of 20, not 72,000.

Calls that change something never wait here, because a shopper stands at the till. Their failures count too.
"""

import asyncio
import contextlib
import random
import secrets
import threading
from dataclasses import dataclass, field
from typing import Literal

import structlog
from redis.exceptions import RedisError

from payments.scripts import script
from payments.store import Store

RATE = 20  # calls a second
IN_FLIGHT = 40  # calls under way at once: enough for calls of two seconds; if Ping++ hangs, no more begin
LEASE_MS = 40_000  # after which the place of a killed process is free; a call takes less (http.TIMEOUT)
RECOVER_MS = 120_000  # of successful calls, from the floor to the full pace
_COUNTS_MS = 5_000  # the most that one successful call counts for in RECOVER_MS

Went = Literal["ok", "slow", "unknown"]

_pace = script(__file__, "pace")
_paced = script(__file__, "paced")
log = structlog.get_logger()


class Ending(RuntimeError):
    """The call got no turn, because the process is ending."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The budget as one event loop uses it."""

    store: Store
    #: calls a second (GATEWAY_RATE)
    rate: int = RATE
    #: calls under way at once
    in_flight: int = IN_FLIGHT
    #: a shopper waits for these calls, so they go before the rest
    urgent: bool = False
    #: set when the process is asked to end: then no call waits any longer
    stopping: threading.Event = field(default_factory=threading.Event)
    # One call of a process asks Redis, and the others stand in line behind it: many cost no more than one.
    _line: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)

    async def turn(self) -> str:
        """Wait for a turn. Returns the place in flight, which `tell` gives back. Raises Ending and
        RedisError.

        If the process dies, or the caller gives up just when it gets the place, the place is free after the
        lease.
        """
        place = secrets.token_hex(8)
        async with self._line:
            while wait_ms := await asyncio.to_thread(self._take, place):
                if self.stopping.is_set():
                    raise Ending("not called: the process is ending")
                # Never shorter, or the answer would be the same.
                await asyncio.sleep(wait_ms / 1000 * random.uniform(1.0, 1.2))  # noqa: S311  jitter is no secret
        return place

    async def tell(self, place: str, went: Went) -> None:
        """Tell how a call went, and give back its place if it had one. An error of Redis is ignored here."""
        with contextlib.suppress(RedisError):
            rate = await asyncio.to_thread(self._tell, place, went)
            if rate and went == "slow":
                log.warning("pace lowered", calls_per_s=float(rate))
            elif rate:
                log.info("pace is full again", calls_per_s=float(rate))

    @property
    def _names(self) -> list[str]:
        return [self.store.keys.pace, self.store.keys.in_flight]

    def _take(self, place: str) -> int:
        arguments = (place, self.rate, self.in_flight, LEASE_MS, int(self.urgent))
        return int(_pace(self.store.client, self._names, arguments))

    def _tell(self, place: str, went: Went) -> bytes | None:
        arguments = (place, self.rate, went, RECOVER_MS, _COUNTS_MS)
        rate: bytes | None = _paced(self.store.client, self._names, arguments)
        return rate
