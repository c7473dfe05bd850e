"""The pace of our calls to Ping++: one budget in Redis for all processes, which shrinks when Ping++ is in trouble.

A call that reads waits for its turn: a token of a bucket that holds one second's worth, and a place in flight. The
pace is halved, at most once a second, by what says "too much" or "not now" (403, 429, 5xx, time-outs, not reached),
and rises while calls succeed, from the floor to full in two minutes. At the floor of one call a second the calls
that are due anyhow are the probe.

So while nothing succeeds for T seconds, at most T + 2 * rate + in_flight calls are made: the floor, the bucket and what
comes while the pace falls, and what was under way before the first one failed. An hour costs some 3,700 calls at a
rate of 20, not 72,000.

Calls that change something never wait here: a shopper stands at the till. How they fail is told all the same.
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
IN_FLIGHT = 40  # two seconds each at that rate; a gateway that hangs is not given more
LEASE_MS = 40_000  # as long as a call may take (http.TIMEOUT), until the place of a killed process is free
RECOVER_MS = 120_000  # of success, from the floor to full pace
_COUNTS_MS = 5_000  # of these, one call that succeeds is worth no more

Went = Literal["ok", "slow", "unknown"]

_pace = script(__file__, "pace")
_paced = script(__file__, "paced")
log = structlog.get_logger()


class Ending(RuntimeError):
    """No turn was had, because the process is to end."""


@dataclass(frozen=True, slots=True)
class Pace:
    """The budget as one event loop uses it. `rate` is GATEWAY_RATE; `urgent` calls, for which somebody waits, go
    before the rest; when `stopping` is set nobody waits any longer.
    """

    store: Store
    rate: int = RATE
    in_flight: int = IN_FLIGHT
    urgent: bool = False
    stopping: threading.Event = field(default_factory=threading.Event)
    # One of a process asks Redis and the others stand in line behind it: a crowd costs no more than one.
    _line: asyncio.Lock = field(default_factory=asyncio.Lock, repr=False, compare=False)

    async def turn(self) -> str:
        """Wait for a turn; returns the place in flight, which `tell` gives back. Raises Ending and RedisError.

        A process that dies, or a caller that gives up in the very moment of getting it, keeps it for a lease.
        """
        place = secrets.token_hex(8)
        async with self._line:
            while wait_ms := await asyncio.to_thread(self._take, place):
                if self.stopping.is_set():
                    raise Ending("not called: the process is ending")
                # Never early, or the answer would be the same.
                await asyncio.sleep(wait_ms / 1000 * random.uniform(1.0, 1.2))  # noqa: S311  jitter is no secret
        return place

    async def tell(self, place: str, went: Went) -> None:
        """Tell how a call went, and give back its place, if it had one. Redis failing is not the call's trouble."""
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
