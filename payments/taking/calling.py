"""Makes the call of what was written down: not too late, and once. It ends in one of four ways.

What an answer of Ping++, or none, means for that which was asked is said in `end_of`, for all calls.
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

_WAIT_EVERY_S, WAIT_FOR_S = 0.05, CALL_MS / 1000  # for the same request that is under way elsewhere
_NOT_KNOWN = (GatewayError, TimeoutError, Malformed, Odd)  # why what Ping++ has may not be known now

Reply: TypeAlias = dict[str, Any]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Done:
    """Ping++ did it: the payment, with what was answered in the books."""

    payment: Payment


@dataclass(frozen=True, slots=True)
class SurelyNot:
    """Ping++ refused: it was not done, nor will it be."""

    problem: Refused

    @property
    def failure(self) -> Failure:
        return Failure(self.problem.code or self.problem.type or "refused", str(self.problem))


@dataclass(frozen=True, slots=True)
class NotMade:
    """It was surely not done, but may be another time."""

    problem: NotNow

    @property
    def failure(self) -> Failure:
        return Failure(self.problem.code or "unavailable", str(self.problem))


@dataclass(frozen=True, slots=True)
class Unknown:
    """Nobody knows whether it was done: it has to be looked for."""

    reason: str


def end_of(problem: Exception) -> SurelyNot | NotMade | Unknown:
    """How a call ended that did not bring what was asked for."""
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
    """Make the call of what was written down at `at_ms`; `take` takes the answer into the books, as a look that began
    when the call did. Raises NewerSchema and Busy.
    """
    try:
        now_ms = await desk.now_ms()
        if now_ms > at_ms + BEGIN_MS:  # its check may look for it soon, and call it lost: too late to begin
            return NotMade(NotNow("the call was not made: writing it down took too long"))
        async with asyncio.timeout(CALL_MS / 1000):
            reply = await call()
        return Done(await take(reply, now_ms))
    except _NOT_KNOWN as problem:
        return end_of(problem)


async def look(said: str, within_s: float, looking: Awaitable[Payment], **about: str) -> Payment | None:
    """What a look at Ping++ made of a payment. None, with a line that says so: it cannot be had now, and is left to the
    check of what is looked at.
    """
    try:
        async with asyncio.timeout(within_s):
            return await looking
    except _NOT_KNOWN as problem:
        log.info(said, **about, reason=str(problem))
        return None


async def ended_elsewhere(desk: Desk, payment: Payment, is_open: Callable[[Payment], bool]) -> Payment:
    """The same request is under way elsewhere: the payment once it has ended, or as it is when that takes too long."""
    clock = asyncio.get_running_loop()
    until = clock.time() + WAIT_FOR_S
    while is_open(payment) and clock.time() < until:
        await asyncio.sleep(_WAIT_EVERY_S)
        payment = await desk.load(payment.name) or payment
    return payment
