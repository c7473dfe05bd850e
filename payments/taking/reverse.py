"""Reverses charges: closes unpaid ones, and gives paid ones back where the channel can.

A reversal is an attempt, which is written down first. While its outcome is unknown, a charge that is seen as
paid is not published (`paid_while_reversing` in fold), because the money may be on its way back.
"""

from collections.abc import Callable
from dataclasses import dataclass

import structlog
from msgspec.structs import replace

from payments.books.attempts import (
    CALL_MS,
    NotPossible,
    begin_reversal,
    end_reversal,
    reversal_due,
    reversible,
)
from payments.books.fold import Folded
from payments.books.payment import Charge, Failure, Payment, Reversal
from payments.channels.table import find
from payments.due import Errand
from payments.pingpp import sighting as sightings
from payments.taking.calling import Done, NotMade, Reply, SurelyNot, Unknown, call_once, look
from payments.taking.desk import Desk

_LOOK_WITHIN_S = CALL_MS / 1000

log = structlog.get_logger()


@dataclass(frozen=True, slots=True, kw_only=True)
class _ToReverse(Folded):
    """What was decided, with the charges (ids) for which Ping++ is called."""

    charges: tuple[str, ...] = ()


async def call_reverse(desk: Desk, name: str, charge_id: str) -> Payment:
    """Make the call of a reversal that was written down just now, and look how it ended. If that is not known
    yet, the check of the charge looks again. Raises NewerSchema and Busy.
    """
    payment = await desk.load(name)
    assert payment is not None  # noqa: S101  it was written down
    reversal = payment.reversing(charge_id)
    if reversal is None:  # another process has seen how it ended
        return payment

    async def take(reply: Reply, at_ms: int) -> Payment:
        return await desk.see(sightings.of_charge(reply, "reply", at_ms))

    ended = await call_once(desk, reversal.at_ms, lambda: desk.gateway.reverse_charge(charge_id), take)
    match ended:
        case Done(made):
            return made
        case NotMade():
            not_made = ended.failure
            changed = await desk.change(
                name, lambda one, _: Folded(end_reversal(one, charge_id, reversal.at_ms, not_made))
            )
            return changed.payment
        case SurelyNot():
            return await _look(desk, payment, reversal, ended.failure)
        case Unknown(reason):
            log.warning("reverse unanswered", charge_id=charge_id, reason=reason)
            return await _look(desk, payment, reversal, None)


async def _look(desk: Desk, payment: Payment, reversal: Reversal, failure: Failure | None) -> Payment:
    """Look at the charge. A refusal (`failure`) ends the reversal, in the same step in which the look is
    folded.
    """

    def ended(one: Payment, _: int) -> Payment:
        return end_reversal(one, reversal.charge, reversal.at_ms, failure) if failure else one

    async def see_it() -> Payment:
        return await desk.see(await desk.retrieve(reversal.charge), before_folding=ended)

    seen = await look("reversal not settled yet", _LOOK_WITHIN_S, see_it(), charge_id=reversal.charge)
    return seen or await desk.load(payment.name) or payment


async def stop(desk: Desk, name: str, *, if_paid: str, ends: bool) -> Payment:
    """Do what `/close` (`ends`: no more attempts) and `/reverse` ask for. Charges that can still be paid are
    closed, where the channel can. Paid ones are kept or given back (`if_paid`: `keep` or `refund`).

    Raises NotPossible, NewerSchema and Busy.
    """
    payment = await desk.load(name)
    if payment is None:
        raise NotPossible("not_found", "There is no such payment.")
    if payment.registration is None:
        raise NotPossible(
            "not_reversible", "Its charges were not made here: only such as are can be reversed."
        )
    await _fresh(desk, payment)

    def decide(payment: Payment, now_ms: int) -> _ToReverse:
        if ends and payment.registration:
            closed_ms = payment.registration.closed_ms or now_ms
            registration = replace(payment.registration, closed_ms=closed_ms, on_paid_late=if_paid)
            payment = replace(payment, registration=registration)
        charges = tuple(charge.id for charge in _to_reverse(payment, if_paid, now_ms, ends=ends))
        return _ToReverse(payment, charges=charges)

    def wants(_: Payment, charge: Charge, __: int) -> bool:
        return charge.open or if_paid == "refund"  # else it was paid meanwhile, and is kept

    decided = await desk.change(name, decide)
    payment = decided.payment
    for charge_id in decided.charges:  # each written down just before its call
        payment = await _reverse(desk, name, charge_id, wants) or payment
    return payment


async def _fresh(desk: Desk, payment: Payment) -> None:
    """Look at the open charges first: one that was paid a moment ago is paid, not late. If Ping++ does not
    answer, the payment is closed all the same.
    """

    async def see_it(charge_id: str) -> Payment:
        return await desk.see(await desk.retrieve(charge_id))

    for charge in payment.charges:
        if charge.open and not payment.reversing(charge.id):
            await look("not seen before closing", _LOOK_WITHIN_S, see_it(charge.id), charge_id=charge.id)


def _to_reverse(payment: Payment, if_paid: str, now_ms: int, *, ends: bool) -> list[Charge]:
    """The charges to reverse now. Raises NotPossible where a reversal is not possible."""
    if not ends and any(attempt.open for attempt in payment.attempts):
        raise NotPossible(
            "attempt_open", "How the last attempt ended is not known yet. Ask again in a few seconds."
        )
    open_ones = [charge for charge in payment.charges if charge.open]
    paid_ones = [charge for charge in payment.charges if payment.kept(charge)]
    chosen = [one for one in open_ones if reversible(payment, one) and not payment.reversing(one.id)]
    if paid_ones and if_paid == "refund":
        chosen += [
            one for one in paid_ones if _gives_back(payment, one, now_ms) and not payment.reversing(one.id)
        ]
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
    """Reverse a charge that is due to be reversed (`attempts.reversal_due`). None: it is not due.

    Raises NewerSchema and Busy.
    """

    def is_due(payment: Payment, charge: Charge, now_ms: int) -> bool:
        due_ms = reversal_due(payment, charge)
        return due_ms is not None and due_ms <= now_ms

    return await _reverse(desk, name, charge_id, is_due)


async def _reverse(
    desk: Desk, name: str, charge_id: str, wanted: Callable[[Payment, Charge, int], bool]
) -> Payment | None:
    """Write a reversal down and make its call. None: it is not wanted, or another one is under way."""

    def decide(payment: Payment, now_ms: int) -> _ToReverse:
        charge = payment.charge(charge_id)
        if charge is None or charge.reversed or payment.reversing(charge_id):
            return _ToReverse(payment)
        if not wanted(payment, charge, now_ms):
            return _ToReverse(payment)
        return _ToReverse(begin_reversal(payment, charge, now_ms), charges=(charge_id,))

    begun = await desk.change(name, decide)
    return await call_reverse(desk, name, charge_id) if begun.charges else None


def _gives_back(payment: Payment, charge: Charge, now_ms: int) -> bool:
    whole = payment.made_here(charge.id) and payment.available(charge) == charge.amount
    now = now_ms // 1000
    return whole and find(charge.channel).reversible(paid=True, time_paid=charge.time_paid or now, now=now)


async def resolve_reversal(desk: Desk, charge_id: str, errand: Errand) -> Payment:
    """Look how a reversal ended whose outcome is unknown. When its call is surely over and the charge is not
    reversed, it failed. Raises GatewayError, Malformed, Odd, NewerSchema and Busy.
    """

    def lost(payment: Payment, _: int) -> Payment:
        reversal = payment.reversing(charge_id)
        if reversal is None or errand.now_ms < reversal.over_ms:
            return payment
        return end_reversal(payment, charge_id, reversal.at_ms, Failure("not_reversed", "the call was lost"))

    seen = await desk.retrieve(charge_id)
    worked = seen.charge is not None and seen.charge.reversed
    return await desk.see(seen, before_folding=None if worked else lost, errand=errand)
