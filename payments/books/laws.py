"""Laws: what is true of every change to the books, checked before it is written or told. Pure.

A mistake of ours that breaks a law stops there, at one payment, and the books stay as they were. Only what
follows from our own rules is a law. What Ping++ says (more given back than was paid, a number that shrinks)
breaks none.
"""

from typing import NoReturn

from payments.books.fold import Message
from payments.books.payment import Payment


class LawBroken(ValueError):
    """A change that cannot be right; the message names the payment and what is wrong."""


def check_change(before: Payment, after: Payment, *, told: int) -> None:
    """Check a change that publishes `told` messages. Raises LawBroken."""
    if after.sequence != before.sequence + told:
        _broken(after, f"its sequence goes from {before.sequence} to {after.sequence} with {told} messages")
    if after is before:
        return
    if after.order_no != before.order_no or after.app != before.app:
        _broken(after, f"it was {before.name}")
    if after.charges is not before.charges:
        _check_charges(before, after)
    if after.refunds is not before.refunds:
        _check_refunds(before, after)
    if after.refund_attempts is not before.refund_attempts:
        _check_reserved(before, after)


def check_told(payment: Payment, message: Message) -> None:
    """Check that the published fact stands in the payment. Raises LawBroken."""
    charge = payment.charge(message.charge) if message.charge else None
    stands = False
    match message.type:
        case "paid" | "paid_late":
            stands = charge is not None and charge.paid and payment.first_paid == charge.id
        case "paid_again":
            stands = charge is not None and charge.paid and payment.first_paid not in (None, charge.id)
        case "refunded" if message.refund is None:
            stands = charge is not None and charge.paid and charge.reversed
        case "refunded":
            refund = payment.refund(message.refund or "")
            stands = refund is not None and refund.succeeded
        case "refund_failed" if message.refund is not None:
            refund = payment.refund(message.refund)
            stands = refund is not None and refund.failed
        case "refund_failed":
            ended = (one for one in payment.refund_attempts if f"refund_failed:{one.id}" == message.id)
            stands = any(one.failure is not None and one.failure == message.failure for one in ended)
        case "failed":
            made_nothing = (one for one in payment.attempts if f"failed:{one.id}" == message.id)
            stands = any(one.failure is not None and one.failure == message.failure for one in made_nothing)
        case "closed":
            stands = charge is not None and not charge.open and payment.closed == charge.id
    if not stands:
        _broken(payment, f"{message.id} would be published and is not in it")


def check_read(name: str, payment: Payment) -> None:
    """Check that a payment was read under its own name. Raises LawBroken."""
    if f"{payment.app}:{payment.order_no}" != name:
        _broken(payment, f"it stands under the name {name}")


def _check_charges(before: Payment, after: Payment) -> None:
    held = {charge.id: charge for charge in before.charges}
    for charge in after.charges:
        known = held.pop(charge.id, None)
        if known is None or known is charge:
            continue
        if (known.paid and not charge.paid) or (known.reversed and not charge.reversed):
            _broken(after, f"{charge.id} would not be paid or reversed any more")
    if held:
        _broken(after, f"{', '.join(held)} would be gone from it")


def _check_refunds(before: Payment, after: Payment) -> None:
    held = {refund.id: refund for refund in before.refunds}
    for refund in after.refunds:
        known = held.pop(refund.id, None)
        if known is None:
            charge = after.charge(refund.charge)
            if charge is None or not charge.paid:
                _broken(after, f"{refund.id} is of {refund.charge}, which is not paid")
        elif (known.succeeded and not refund.succeeded) or (known.failed and not refund.failed):
            _broken(after, f"{refund.id} would not be ended any more")
    if held:
        _broken(after, f"{', '.join(held)} would be gone from it")


def _check_reserved(before: Payment, after: Payment) -> None:
    """We never ask Ping++ to give back more than is left of what was paid."""
    known = {one.id for one in before.refund_attempts}
    for attempt in after.refund_attempts:
        if attempt.id in known or not attempt.open:
            continue
        charge = after.charge(attempt.charge)
        if charge is None or not charge.paid:
            _broken(after, f"{attempt.id} would refund {attempt.charge}, which is not paid")
        refunds = [one for one in after.refunds if one.charge == charge.id and one.status != "failed"]
        gone = max(charge.amount_refunded, sum(one.amount for one in refunds))
        reserved = sum(one.amount for one in after.refund_attempts if one.charge == charge.id and one.open)
        if gone + reserved > charge.amount:
            _broken(after, f"{attempt.id} would refund more of {charge.id} than is left")


def _broken(payment: Payment, how: str) -> NoReturn:
    raise LawBroken(f"{payment.name}: {how}")
