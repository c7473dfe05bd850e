"""Makes the call to Ping++ for an attempt that was written down: not too late, and once. It ends in one of
four ways.

`end_of` says, for all calls, what an error of the gateway means for what was asked.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

import structlog

from payments.books.attempts import BEGIN_MS, CALL_MS
from payments.books.join import Odd
from payments.books.payment import Failure, Payment
from payments.pingpp.gateway import GatewayError, NotNow, Refused
from payments.pingpp.sighting import Malformed
from payments.taking.desk import Desk

_WAIT_EVERY_S, WAIT_FOR_S = 0.05, CALL_MS / 1000  # for the same request under way in another process
_NOT_KNOWN = (GatewayError, TimeoutError, Malformed, Odd)  # errors after which the outcome may be unknown

Reply: TypeAlias = dict[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Done:
    """Ping++ did it, and its answer is in the books: the payment as it is now."""

    payment: Payment


@dataclass(frozen=True, slots=True)
class SurelyNot:
    """Ping++ refused: it was not done, and will not be done."""

    problem: Refused

    @property
    def failure(self) -> Failure:
        return Failure(self.problem.code or self.problem.type or "refused", str(self.problem))


@dataclass(frozen=True, slots=True)
class NotMade:
    """It was surely not done, but a later call may succeed."""

    problem: NotNow

    @property
    def failure(self) -> Failure:
        return Failure(self.problem.code or "unavailable", str(self.problem))


@dataclass(frozen=True, slots=True)
class Unknown:
    """Whether it was done is unknown: a look at Ping++ has to settle it."""

    reason: str


def end_of(problem: Exception) -> SurelyNot | NotMade | Unknown:
    """How a call ended that raised this error."""
    match problem:
        case NotNow():
            return NotMade(problem)
        case Refused():
            return SurelyNot(problem)
        case _:
            return Unknown(str(problem))


async def call_once(
    desk: Desk,
    at_ms: int,
    call: Callable[[], Awaitable[Reply]],
    take: Callable[[Reply, int], Awaitable[Payment]],
) -> Done | SurelyNot | NotMade | Unknown:
    """Make the call of an attempt that was written down at `at_ms` (Redis's clock). `take` gets the answer
    and when the call began (ms), and takes it into the books. Raises NewerSchema and Busy.
    """
    try:
        now_ms = await desk.now_ms()
        # Too late to begin? Its check may soon look, find nothing, and end the attempt.
        if now_ms > at_ms + BEGIN_MS:
            return NotMade(NotNow("the call was not made: writing it down took too long"))
        async with asyncio.timeout(CALL_MS / 1000):
            reply = await call()
        return Done(await take(reply, now_ms))
    except _NOT_KNOWN as problem:
        return end_of(problem)


async def look(said: str, within_s: float, looking: Awaitable[Payment], **about: str) -> Payment | None:
    """The payment after a look at Ping++ of at most `within_s` seconds. None: the look failed, which the log
    says in the words `said`; the check of the charge or attempt will look again.
    """
    try:
        async with asyncio.timeout(within_s):
            return await looking
    except _NOT_KNOWN as problem:
        log.info(said, **about, reason=str(problem))
        return None


async def ended_elsewhere(desk: Desk, payment: Payment, is_open: Callable[[Payment], bool]) -> Payment:
    """Wait for the same request, which is under way in another process. Returns the payment when that has
    ended, or as it is after WAIT_FOR_S seconds.
    """
    clock = asyncio.get_running_loop()
    until = clock.time() + WAIT_FOR_S
    while is_open(payment) and clock.time() < until:
        await asyncio.sleep(_WAIT_EVERY_S)
        payment = await desk.load(payment.name) or payment
    return payment
