"""Refunds: the amount is reserved in the payment together with the attempt, then Ping++ is called once.

The attempt's id stands in the refund's metadata, so two equal refunds can be told apart when an answer is
lost.
"""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import structlog

from payments.books.attempts import (
    OVER_MS,
    NotPossible,
    begin_refund,
    end_refund,
    refund_attempt_of,
    refund_late,
)
from payments.books.fold import Folded
from payments.books.payment import Charge, Payment, RefundAttempt, made_refund
from payments.books.wanted import digest
from payments.due import Errand
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import NotNow, Refused
from payments.pingpp.sighting import ATTEMPT_METADATA
from payments.taking.calling import (
    Done,
    NotMade,
    Reply,
    SurelyNot,
    Unknown,
    call_once,
    ended_elsewhere,
    look,
)
from payments.taking.desk import Desk
from payments.taking.resolve import find_refund

PASSED_ON = ("description", "funding_source", "extra")
_LATE = {"description": "Paid after the order had ended"}
_LOOK_WITHIN_S = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refunded:
    """What became of a request."""

    payment: Payment
    attempt: RefundAttempt
    #: this request began the attempt
    new: bool = True
    #: why this call made no refund
    problem: Refused | NotNow | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Begun(Folded):
    """What was decided: the attempt that was begun; None: there is nothing to do."""

    attempt: RefundAttempt | None = None


async def refund(desk: Desk, name: str, key: str, request: Mapping[str, Any]) -> Refunded:
    """Refund `amount` (minor currency units; missing: all that is left) of `charge` (needed where several are
    paid), both in `request`. `key` is the Idempotency-Key.

    Raises NotPossible, NewerSchema and Busy.
    """
    attempt_id, wanted = f"rt_{secrets.token_hex(12)}", digest(request)

    def decide(payment: Payment, now_ms: int) -> _Begun:
        before = next(
            (one for one in payment.refund_attempts if one.key == key and not one.not_reached), None
        )
        if before and before.digest != wanted:
            raise NotPossible(
                "key_reused", "This Idempotency-Key was used for another refund of this payment."
            )
        if before:
            return _Begun(payment)
        charge = _chosen(payment, request.get("charge"))
        amount = request.get("amount") or payment.available(charge)
        if amount == 0 and not payment.reversing(charge.id):
            raise NotPossible("not_refundable", "Nothing is left to refund of this charge.")
        attempt = RefundAttempt(
            attempt_id, charge.id, amount, now_ms, now_ms + OVER_MS, key=key, digest=wanted
        )
        return _Begun(begin_refund(payment, attempt), attempt=attempt)

    begun = await desk.change(name, decide)
    if begun.attempt is None:
        return await _others(desk, begun.payment, key)
    return await _call(desk, begun.payment, begun.attempt, request)


async def refund_what_came_late(desk: Desk, name: str, errand: Errand) -> Payment:
    """Refund a charge that was paid after the end, where the merchant wants that.

    Raises NotPossible, NewerSchema and Busy.
    """
    attempt_id = f"rt_{secrets.token_hex(12)}"

    def decide(payment: Payment, now_ms: int) -> _Begun:
        late = refund_late(payment)
        if late is None or late[1] > now_ms:
            return _Begun(payment)
        charge = late[0]
        attempt = RefundAttempt(attempt_id, charge.id, charge.amount, now_ms, now_ms + OVER_MS)
        return _Begun(begin_refund(payment, attempt), attempt=attempt)

    begun = await desk.change(name, decide, errand=errand)
    if begun.attempt is None:
        return begun.payment
    return (await _call(desk, begun.payment, begun.attempt, _LATE)).payment


def _chosen(payment: Payment, charge_id: str | None) -> Charge:
    paid = [charge for charge in payment.charges if charge.paid]
    if not paid:
        raise NotPossible(
            "not_refundable", f"The payment is {payment.status}: only what is paid can be refunded."
        )
    if charge_id is None:
        kept = [charge for charge in paid if payment.kept(charge)] or paid
        if len(kept) > 1:
            ids = ", ".join(charge.id for charge in kept)
            raise NotPossible(
                "charge_needed", f"Several charges of this payment are paid ({ids}): name one in `charge`."
            )
        return kept[0]
    for charge in paid:
        if charge.id == charge_id:
            return charge
    raise NotPossible("not_refundable", "The payment has no paid charge of that id.")


async def _others(desk: Desk, payment: Payment, key: str) -> Refunded:
    """What became of the same request, which came before; if that is still under way, wait for it."""

    def last(payment: Payment) -> RefundAttempt:
        return next(one for one in reversed(payment.refund_attempts) if one.key == key)

    payment = await ended_elsewhere(desk, payment, lambda one: last(one).open)
    return Refunded(payment, last(payment), new=False)


async def _call(desk: Desk, payment: Payment, attempt: RefundAttempt, asked: Mapping[str, Any]) -> Refunded:
    request = {key: asked[key] for key in PASSED_ON if asked.get(key) is not None}
    request |= {
        "amount": attempt.amount,
        "metadata": {**(asked.get("metadata") or {}), ATTEMPT_METADATA: attempt.id},
    }
    problem: Refused | NotNow | None = None

    async def take(reply: Reply, at_ms: int) -> Payment:
        seen = sightings.of_refund(reply, "reply", at_ms)
        made = seen.refunds[0].id
        return await desk.see(seen, before_folding=lambda one, _: made_refund(one, attempt.id, made))

    ended = await call_once(
        desk, attempt.at_ms, lambda: desk.gateway.create_refund(attempt.charge, request), take
    )
    match ended:
        case Done(made):
            payment = made
        case SurelyNot(problem) | NotMade(problem):
            failure, not_reached = ended.failure, isinstance(ended, NotMade)
            changed = await desk.change(
                payment.name,
                lambda one, now_ms: end_refund(one, attempt.id, failure, now_ms, not_reached=not_reached),
            )
            payment = changed.payment
        case Unknown(reason):
            log.warning("refund unanswered", attempt_id=attempt.id, charge_id=attempt.charge, reason=reason)
            payment = await _look_at_once(desk, payment, attempt)
    return Refunded(payment, refund_attempt_of(payment, attempt.id) or attempt, problem=problem)


async def _look_at_once(desk: Desk, payment: Payment, attempt: RefundAttempt) -> Payment:
    """Look whether the refund is listed already; if not, the attempt's check goes on looking."""

    async def find_it() -> Payment:
        found = await find_refund(desk, attempt)
        if found is None:
            return await desk.load(payment.name) or payment
        seen, made = found
        return await desk.see(seen, before_folding=lambda one, _: made_refund(one, attempt.id, made))

    return await look("refund not found yet", _LOOK_WITHIN_S, find_it(), attempt_id=attempt.id) or payment
