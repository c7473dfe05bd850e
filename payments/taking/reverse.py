"""Reverses charges: closes unpaid ones, and gives paid ones back where the channel can.

A reversal is an attempt, written down first. While nobody knows how it ended, a payment that is seen is not
published (`paid_while_reversing` in fold), for the money may be on its way back.
"""

import asyncio
import time
from collections.abc import Callable

import structlog
from msgspec.structs import replace

from payments.books.attempts import (
    BEGIN_MS,
    CALL_MS,
    NotPossible,
    begin_reversal,
    end_reversal,
    reversal_due,
    reversible,
)
from payments.books.fold import Folded
from payments.books.join import Odd
from payments.books.payment import Charge, Failure, Payment, Reversal
from payments.channels.table import find
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import GatewayError, NotNow, Refused, Unanswered
from payments.pingpp.sighting import Malformed
from payments.taking.desk import Desk

log = structlog.get_logger()


async def call_reverse(desk: Desk, name: str, charge_id: str) -> Payment:
    """Make the call of a reversal that was written down just now, and look how it ended. Whatever cannot be known now
    is left to the check of the charge. Raises NewerSchema and Busy.
    """
    payment = await desk.load(name)
    assert payment is not None  # noqa: S101  it was written down
    reversal = payment.reversing(charge_id)
    if reversal is None:  # others have seen how it ended
        return payment
    failure: Failure | None = None
    try:
        at_ms = await desk.now_ms()
        if at_ms > reversal.at_ms + BEGIN_MS:  # its check may call it lost soon: too late to begin
            raise NotNow("the call was not made: writing it down took too long")  # noqa: TRY301
        async with asyncio.timeout(CALL_MS / 1000):
            reply = await desk.gateway.reverse_charge(charge_id)
        return await desk.see(sightings.of_charge(reply, "reply", at_ms))
    except NotNow as problem:  # surely not done
        not_made = Failure(problem.code or "unavailable", str(problem))
        return await desk.change(
            name, lambda one, _: Folded(end_reversal(one, charge_id, reversal.at_ms, not_made))
        )
    except Refused as refused:
        failure = Failure(refused.code or refused.type or "refused", str(refused))
    except (Unanswered, TimeoutError, Malformed, Odd) as problem:
        log.warning("reverse unanswered", charge_id=charge_id, reason=str(problem))
    return await _look(desk, payment, reversal, failure)


async def _look(desk: Desk, payment: Payment, reversal: Reversal, failure: Failure | None) -> Payment:
    """Look at the charge; a refusal is the end of the attempt, together with what the look says."""

    def first(one: Payment, _: int) -> Payment:
        return end_reversal(one, reversal.charge, reversal.at_ms, failure) if failure else one

    try:
        async with asyncio.timeout(CALL_MS / 1000):
            seen = await desk.retrieve(reversal.charge)
        return await desk.see(seen, first=first)
    except (GatewayError, TimeoutError, Malformed, Odd) as problem:
        log.info("reversal not settled yet", charge_id=reversal.charge, reason=str(problem))
        return await desk.load(payment.name) or payment


async def stop(desk: Desk, name: str, *, if_paid: str, ends: bool) -> Payment:
    """`/close` (`ends`: no more attempts) and `/reverse`: what can still be paid is closed, where the channel can; what
    is paid is kept, or given back (`if_paid`: `keep` or `refund`). Raises NotPossible, NewerSchema and Busy.
    """
    payment = await desk.load(name)
    if payment is None:
        raise NotPossible("not_found", "There is no such payment.")
    if payment.registration is None:
        raise NotPossible(
            "not_reversible", "Its charges were not made here: only such as are can be reversed."
        )
    await _fresh(desk, payment)
    wanted: list[str] = []

    def decide(payment: Payment, now_ms: int) -> Folded:
        wanted.clear()
        if ends and payment.registration:
            closed_ms = payment.registration.closed_ms or now_ms
            registration = replace(payment.registration, closed_ms=closed_ms, on_paid_late=if_paid)
            payment = replace(payment, registration=registration)
        wanted.extend(charge.id for charge in _to_reverse(payment, if_paid, ends=ends))
        return Folded(payment)

    def wants(_: Payment, charge: Charge, __: int) -> bool:
        return charge.open or if_paid == "refund"  # what was paid meanwhile is kept

    payment = await desk.change(name, decide)
    for charge_id in tuple(wanted):  # each written down just before its call
        payment = await _reverse(desk, name, charge_id, wants) or payment
    return payment


async def _fresh(desk: Desk, payment: Payment) -> None:
    """What was paid a moment ago is paid, and not late. That Ping++ cannot be asked is no reason not to close."""
    for charge in payment.charges:
        if charge.open and not payment.reversing(charge.id):
            try:
                async with asyncio.timeout(CALL_MS / 1000):
                    await desk.see(await desk.retrieve(charge.id))
            except (GatewayError, TimeoutError, Malformed, Odd) as problem:
                log.info("not seen before closing", charge_id=charge.id, reason=str(problem))


def _to_reverse(payment: Payment, if_paid: str, *, ends: bool) -> list[Charge]:
    """Which charges are to be reversed now. Raises NotPossible for a reversal that cannot be had."""
    if not ends and any(attempt.open for attempt in payment.attempts):
        raise NotPossible(
            "attempt_open", "How the last attempt ended is not known yet. Ask again in a few seconds."
        )
    open_ones = [charge for charge in payment.charges if charge.open]
    paid_ones = [charge for charge in payment.charges if payment.kept(charge)]
    chosen = [one for one in open_ones if reversible(payment, one) and not payment.reversing(one.id)]
    if paid_ones and if_paid == "refund":
        chosen += [one for one in paid_ones if _gives_back(payment, one) and not payment.reversing(one.id)]
    if ends or chosen or any(payment.reversing(one.id) for one in payment.charges):
        return chosen
    if paid_ones:
        hint = "" if if_paid == "refund" else " With if_paid=refund it is given back, where the channel can."
        raise NotPossible("not_reversible", f"The payment is paid.{hint} Use /refunds otherwise.")
    if open_ones:
        raise NotPossible(
            "not_reversible", f"A charge of {open_ones[-1].channel} cannot be reversed; it expires by itself."
        )
    raise NotPossible("not_reversible", "There is nothing that could be reversed.")


async def reverse_when_due(desk: Desk, name: str, charge_id: str) -> Payment | None:
    """Reverse a charge whose time has come by itself (`attempts.reversal_due`); None where it has not.

    Raises NewerSchema and Busy.
    """

    def is_due(payment: Payment, charge: Charge, now_ms: int) -> bool:
        due_ms = reversal_due(payment, charge)
        return due_ms is not None and due_ms <= now_ms

    return await _reverse(desk, name, charge_id, is_due)


async def _reverse(
    desk: Desk, name: str, charge_id: str, wanted: Callable[[Payment, Charge, int], bool]
) -> Payment | None:
    """Write a reversal down and make its call; None where it is not wanted, or others are at it."""
    begun: list[str] = []

    def decide(payment: Payment, now_ms: int) -> Folded:
        begun.clear()
        charge = payment.charge(charge_id)
        if charge is None or charge.reversed or payment.reversing(charge_id):
            return Folded(payment)
        if not wanted(payment, charge, now_ms):
            return Folded(payment)
        begun.append(charge_id)
        return Folded(begin_reversal(payment, charge, now_ms))

    await desk.change(name, decide)
    return await call_reverse(desk, name, charge_id) if begun else None


def _gives_back(payment: Payment, charge: Charge) -> bool:
    whole = payment.made_here(charge.id) and payment.available(charge) == charge.amount
    paid_at = charge.time_paid or time.time()
    return whole and find(charge.channel).reversible(paid=True, time_paid=paid_at, now=time.time())


async def resolve_reversal(desk: Desk, charge_id: str, *, what: str, done: str, now_ms: int) -> Payment:
    """Look how a reversal ended of which nobody knows. Once its call is surely over, a charge that is not reversed was
    not reversed. Raises GatewayError, Malformed, Odd, NewerSchema and Busy.
    """

    def first(payment: Payment, _: int) -> Payment:
        reversal = payment.reversing(charge_id)
        if reversal is None or now_ms < reversal.over_ms:
            return payment
        return end_reversal(payment, charge_id, reversal.at_ms, Failure("not_reversed", "the call was lost"))

    seen = await desk.retrieve(charge_id)
    worked = seen.charge is not None and seen.charge.reversed
    return await desk.see(seen, first=None if worked else first, what=what, done=done)
