"""Attempts: our intents to create, reverse and refund, which stand in the payment before Ping++ is called.

Pure decisions, values in, values out. An attempt whose outcome is unknown is never made again: a look at
Ping++ settles it (`payments/taking/resolve.py`). Until then it keeps what it reserved.
"""

from dataclasses import dataclass
from typing import Any, Literal

from msgspec.structs import replace

from payments.books.fold import Folded, Message, closed
from payments.books.payment import (
    Attempt,
    Charge,
    Failure,
    Payment,
    RefundAttempt,
    Registration,
    Reversal,
    made_charge,
)
from payments.books.wanted import Wanted
from payments.channels.table import MOST_ATTEMPTS, attempt_order_no, find

BEGIN_MS = 5_000  # a call that has not begun so soon after it was written down is not made any more
CALL_MS = 20_000  # a call that takes longer is given up
OVER_MS = BEGIN_MS + CALL_MS + 5_000  # so long after it was written down, a call has surely ended
MOST_REFUNDS = 500  # of one payment
_RETRY_REFUND_MS = 60_000  # after a refund of ours that never reached Ping++
# The first and the longest wait after a reversal that Ping++ refused; each wait is twice the last one.
_RETRY_REVERSAL_MS = (15_000, 600_000)


class NotPossible(Exception):
    """What the merchant asks for cannot be done as things stand; `code` is a word of the merchant API."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        super().__init__(message)
        self.code, self.message, self.more = code, message, more


@dataclass(frozen=True, slots=True, kw_only=True)
class Begun(Folded):
    """What `begin` decided."""

    #: `create`: call Ping++ now. `reverse`: reverse the charges in `reverse` first. `wait`: the same request
    #: is under way. `known`: there is nothing to do.
    step: Literal["create", "reverse", "wait", "known"]
    #: charge ids
    reverse: tuple[str, ...] = ()


def begin(payment: Payment, wanted: Wanted, attempt_id: str, token: str, now_ms: int) -> Begun:
    """Register the payment, and begin an attempt to create a charge where one is called for. Raises
    NotPossible.
    """
    _check_price(payment, wanted)
    watched = payment.registration
    if watched is None or not watched.token:  # without a token: a watched charge gave the payment its price
        registration = Registration(
            amount=wanted.amount,
            currency=wanted.currency,
            livemode=wanted.livemode,
            subject=wanted.subject,
            token=token,
            return_url=wanted.return_url,
            on_paid_late=watched.on_paid_late if watched else wanted.on_paid_late,
            closed_ms=watched.closed_ms if watched else None,
        )
        payment = replace(payment, registration=registration)
    newest = payment.attempts[-1] if payment.attempts else None
    same = newest is not None and newest.digest == wanted.digest
    if any(charge.paid for charge in payment.charges):
        if same or newest is None:
            return Begun(payment, step="known")
        raise NotPossible("not_payable", "The payment is paid already.")
    if payment.registration and payment.registration.closed_ms:
        raise NotPossible("not_payable", "The checkout of this payment was ended by /close.")
    if newest and newest.open:
        if same:
            return Begun(payment, step="wait")
        raise NotPossible(
            "attempt_open", "How the last attempt ended is not known yet. Ask again in a few seconds."
        )
    held = payment.charge(newest.charge) if newest and newest.charge else None
    if held and payment.reversing(held.id):
        raise NotPossible("attempt_open", "The last charge is being reversed. Ask again in a few seconds.")
    if same and held and held.open:
        return Begun(payment, step="known")
    return _new_attempt(payment, wanted, attempt_id, now_ms)


def _check_price(payment: Payment, wanted: Wanted) -> None:
    known: list[Registration | Charge] = (
        [payment.registration] if payment.registration else [*payment.charges]
    )
    for one in known:
        if (one.amount, one.currency) != (wanted.amount, wanted.currency):
            raise NotPossible(
                "order_conflict",
                f"The order number stands for {one.amount} {one.currency} already. An order has one price: "
                "take another order_no.",
            )


def _new_attempt(payment: Payment, wanted: Wanted, attempt_id: str, now_ms: int) -> Begun:
    reached = tuple(one for one in payment.attempts if not one.not_reached)
    if len(reached) >= MOST_ATTEMPTS:
        raise NotPossible(
            "not_payable", f"{MOST_ATTEMPTS} attempts were made at this payment. Take another order_no."
        )
    in_the_way = [c for c in payment.charges if c.open and reversible(payment, c)]
    if any(payment.reversing(charge.id) for charge in in_the_way):
        raise NotPossible(
            "attempt_open", "A charge of this payment is being reversed. Ask again in a few seconds."
        )
    order_no = attempt_order_no(wanted.order_no, len(reached) + 1, wanted.channel)
    attempt = Attempt(attempt_id, order_no, wanted.channel, wanted.digest, now_ms, now_ms + OVER_MS)
    payment = replace(payment, attempts=(*reached, attempt), reopened=True)
    for charge in in_the_way:
        payment = begin_reversal(payment, charge, now_ms)
    reverse = tuple(charge.id for charge in in_the_way)
    return Begun(payment, step="reverse" if reverse else "create", reverse=reverse)


def attempt_of(payment: Payment, attempt_id: str) -> Attempt | None:
    """The attempt to create with this id; None: the payment has none."""
    return next((one for one in payment.attempts if one.id == attempt_id), None)


def with_attempt(payment: Payment, changed: Attempt) -> Payment:
    """The payment with this attempt in place of the one with the same id."""
    return replace(payment, attempts=tuple(changed if a.id == changed.id else a for a in payment.attempts))


def drop(payment: Payment, attempt_id: str, now_ms: int) -> Folded:
    """Remove an attempt that was written down and whose call was never made."""
    attempts = tuple(one for one in payment.attempts if one.id != attempt_id)
    return _nothing_left(replace(payment, attempts=attempts), now_ms, ())


def end(
    payment: Payment, attempt_id: str, failure: Failure, now_ms: int, *, not_reached: bool = False
) -> Folded:
    """End an attempt that made no charge. One that never reached Ping++ is not published: its caller was
    told.
    """
    attempt = attempt_of(payment, attempt_id)
    if attempt is None or not attempt.open:
        return Folded(payment)
    payment = with_attempt(payment, replace(attempt, failure=failure, not_reached=not_reached))
    failed = Message("failed", f"failed:{attempt_id}", None, now_ms // 1000, failure=failure)
    return _nothing_left(payment, now_ms, () if not_reached else (failed,))


def _nothing_left(payment: Payment, now_ms: int, messages: tuple[Message, ...]) -> Folded:
    """An open attempt, which held back `closed`, has ended: publish `closed` if nothing can be paid any more."""
    paid = any(charge.paid for charge in payment.charges)
    told = (payment.closed, *payment.closed_before)
    if payment.charges and not paid and not payment.payable and payment.charges[-1].id not in told:
        payment, more = closed(payment, payment.charges[-1], now_ms // 1000)
        messages = (*messages, *more)
    return Folded(replace(payment, sequence=payment.sequence + len(messages)), messages)


def reversible(payment: Payment, charge: Charge) -> bool:
    """Whether this charge can be reversed while it is unpaid: it was made here, and its channel allows it."""
    return payment.made_here(charge.id) and find(charge.channel).reversible(paid=False, time_paid=0, now=0)


def begin_reversal(payment: Payment, charge: Charge, now_ms: int) -> Payment:
    """Write down that the charge is about to be reversed."""
    before = next((one for one in payment.reversals if one.charge == charge.id), None)
    new = Reversal(charge.id, now_ms, now_ms + OVER_MS, tries=before.tries + 1 if before else 1)
    return replace(payment, reversals=(*(r for r in payment.reversals if r is not before), new))


def end_reversal(payment: Payment, charge_id: str, at_ms: int, failure: Failure) -> Payment:
    """End the reversal written down at `at_ms`: it surely did not reverse the charge, and will not."""
    return replace(
        payment,
        reversals=tuple(
            replace(one, ended=True, failure=failure)
            if (one.charge, one.at_ms, one.ended) == (charge_id, at_ms, False)
            else one
            for one in payment.reversals
        ),
    )


def reversal_due(payment: Payment, charge: Charge) -> int | None:
    """When (ms) the charge is to be reversed without being asked: at the end of the customer's minute at the
    till, or because the checkout was ended. None: not at all, or a reversal is under way.
    """
    if not charge.open or payment.reversing(charge.id) or not reversible(payment, charge):
        return None
    attempt = next(one for one in payment.attempts if one.charge == charge.id)
    after, closed_ms = find(charge.channel).watch.reverse_after, None
    if payment.registration:
        closed_ms = payment.registration.closed_ms
    if closed_ms is None and after is None:
        return None
    at = closed_ms if closed_ms is not None else attempt.at_ms + 1000 * (after or 0)
    last = next((one for one in payment.reversals if one.charge == charge.id), None)
    if last is None:
        return at
    first, most = _RETRY_REVERSAL_MS
    gap: int = first << min(last.tries - 1, 10)
    return max(at, last.at_ms + min(most, gap))


def begin_refund(payment: Payment, attempt: RefundAttempt) -> Payment:
    """Reserve what is to be refunded. Raises NotPossible where less than that is left."""
    charge = payment.charge(attempt.charge)
    if payment.reversing(attempt.charge):
        raise NotPossible("not_refundable", "The charge is being reversed. Ask again in a few seconds.")
    left = payment.available(charge) if charge else 0
    if attempt.amount > left:
        raise NotPossible(
            "refund_exceeds", f"{left} is left to refund of this charge, {attempt.amount} was asked for."
        )
    kept = tuple(one for one in payment.refund_attempts if not one.not_reached)
    if len(kept) >= MOST_REFUNDS:
        raise NotPossible("not_refundable", f"{MOST_REFUNDS} refunds were asked for already.")
    return replace(payment, refund_attempts=(*kept, attempt))


def refund_attempt_of(payment: Payment, attempt_id: str) -> RefundAttempt | None:
    """The attempt to refund with this id; None: the payment has none."""
    return next((one for one in payment.refund_attempts if one.id == attempt_id), None)


def end_refund(
    payment: Payment, attempt_id: str, failure: Failure, now_ms: int, *, not_reached: bool = False
) -> Folded:
    """End an attempt that made no refund: what it reserved is free again."""
    attempt = refund_attempt_of(payment, attempt_id)
    if attempt is None or not attempt.open:
        return Folded(payment)
    changed = replace(attempt, failure=failure, not_reached=not_reached)
    attempts = tuple(changed if one.id == attempt_id else one for one in payment.refund_attempts)
    payment = replace(payment, refund_attempts=attempts)
    if not_reached:
        return Folded(payment)
    failed = Message(
        "refund_failed", f"refund_failed:{attempt_id}", attempt.charge, now_ms // 1000, failure=failure
    )
    return Folded(replace(payment, sequence=payment.sequence + 1), (failed,))


def refund_late(payment: Payment) -> tuple[Charge, int] | None:
    """A charge that was paid after the end and has to be refunded, and when (ms; 0: at once).

    None: there is none, the merchant does not want it (`on_paid_late`), or its refund was asked for already.
    """
    asked_for = payment.registration
    if asked_for is None or asked_for.on_paid_late != "refund":
        return None
    for charge in payment.charges:
        # After /close every payment is late; one that came before is not.
        late = payment.late if charge.id == payment.first_paid else asked_for.closed_ms is not None
        if not late or payment.reversing(charge.id) or payment.available(charge) < charge.amount:
            continue
        tried = [one for one in payment.refund_attempts if one.charge == charge.id]
        if not any(not one.not_reached for one in tried):
            return charge, max((one.at_ms + _RETRY_REFUND_MS for one in tried), default=0)
    return None


def made_by(payment: Payment, attempt_id: str, charge_id: str) -> Payment:
    """End the attempt with this charge, whatever its metadata says. Where another attempt has the charge
    already, this attempt is removed.
    """
    if any(one.charge == charge_id and one.id != attempt_id for one in payment.attempts):
        return replace(payment, attempts=tuple(one for one in payment.attempts if one.id != attempt_id))
    return made_charge(payment, attempt_id, charge_id)
