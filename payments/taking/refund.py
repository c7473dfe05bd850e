"""Refunds: the amount is reserved in the payment together with the attempt, then Ping++ is called once.

The attempt's id travels in the refund's metadata, so that two equal refunds can be told apart when an answer is lost.
"""

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

import structlog

from payments.books.attempts import (
    BEGIN_MS,
    CALL_MS,
    OVER_MS,
    NotPossible,
    begin_refund,
    end_refund,
    refund_attempt_of,
    refund_late,
)
from payments.books.fold import Folded
from payments.books.join import Odd
from payments.books.payment import Charge, Failure, Payment, RefundAttempt, made_refund
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import NotNow, Refused, Unanswered
from payments.pingpp.sighting import ATTEMPT_METADATA, Malformed
from payments.taking.desk import Desk
from payments.taking.resolve import find_refund

PASSED_ON = ("description", "funding_source", "extra")
_LATE = {"description": "Paid after the order had ended"}
_WAIT_EVERY_S, WAIT_FOR_S = 0.05, CALL_MS / 1000  # for the same request that is under way elsewhere

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Refunded:
    """What became of a request: the payment and its attempt, and whether this request began it; `refused` and `not_now`
    are Ping++'s answers to this call.
    """

    payment: Payment
    attempt: RefundAttempt
    new: bool = True
    refused: Refused | None = None
    not_now: NotNow | None = None


def digest(request: Mapping[str, Any]) -> str:
    """Tells whether a request with the same Idempotency-Key is the same."""
    canonical = json.dumps(request, sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


async def refund(desk: Desk, name: str, key: str, request: Mapping[str, Any]) -> Refunded:
    """Refund `amount` (all that is left where it is missing) of `charge` (needed where several are paid).

    Raises NotPossible, NewerSchema and Busy.
    """
    attempt_id, wanted = f"rt_{secrets.token_hex(12)}", digest(request)

    def decide(payment: Payment, now_ms: int) -> Folded:
        before = next(
            (one for one in payment.refund_attempts if one.key == key and not one.not_reached), None
        )
        if before and before.digest != wanted:
            raise NotPossible(
                "key_reused", "This Idempotency-Key was used for another refund of this payment."
            )
        if before:
            return Folded(payment)
        charge = _chosen(payment, request.get("charge"))
        amount = request.get("amount") or payment.available(charge)
        if amount == 0 and not payment.reversing(charge.id):
            raise NotPossible("not_refundable", "Nothing is left to refund of this charge.")
        attempt = RefundAttempt(
            attempt_id, charge.id, amount, now_ms, now_ms + OVER_MS, key=key, digest=wanted
        )
        return Folded(begin_refund(payment, attempt))

    began = time.monotonic()
    payment = await desk.change(name, decide)
    if refund_attempt_of(payment, attempt_id) is None:
        return await _others(desk, payment, key)
    return await _call(desk, payment, attempt_id, request, began)


async def refund_what_came_late(desk: Desk, name: str, *, what: str, done: str) -> Payment:
    """Give back what was paid after the end, where the merchant wants that. Raises NotPossible, NewerSchema and Busy."""
    attempt_id, began = f"rt_{secrets.token_hex(12)}", time.monotonic()

    def decide(payment: Payment, now_ms: int) -> Folded:
        late = refund_late(payment)
        if late is None or late[1] > now_ms:
            return Folded(payment)
        charge = late[0]
        attempt = RefundAttempt(attempt_id, charge.id, charge.amount, now_ms, now_ms + OVER_MS)
        return Folded(begin_refund(payment, attempt))

    payment = await desk.change(name, decide, what=what, done=done)
    if refund_attempt_of(payment, attempt_id) is None:
        return payment
    return (await _call(desk, payment, attempt_id, _LATE, began)).payment


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
    """The same request came before: what became of it, waiting for one that is under way."""
    until = time.monotonic() + WAIT_FOR_S
    while True:
        attempt = next(one for one in reversed(payment.refund_attempts) if one.key == key)
        if not attempt.open or time.monotonic() > until:
            return Refunded(payment, attempt, new=False)
        await asyncio.sleep(_WAIT_EVERY_S)
        payment = await desk.load(payment.name) or payment


async def _call(
    desk: Desk, payment: Payment, attempt_id: str, request: Mapping[str, Any], began: float
) -> Refunded:
    attempt = refund_attempt_of(payment, attempt_id)
    assert attempt is not None  # noqa: S101  it was written down just now
    if (time.monotonic() - began) * 1000 > BEGIN_MS:
        late = NotNow("the call was not made: writing it down took too long")
        return await _ended(desk, payment, attempt_id, Failure("unavailable", str(late)), not_now=late)
    content = {key: request[key] for key in PASSED_ON if request.get(key) is not None}
    content |= {
        "amount": attempt.amount,
        "metadata": {**(request.get("metadata") or {}), ATTEMPT_METADATA: attempt_id},
    }
    try:
        async with asyncio.timeout(CALL_MS / 1000):
            reply = await desk.gateway.create_refund(attempt.charge, content)
        seen = sightings.of_refund(reply, "reply", attempt.at_ms)
        made = seen.refunds[0].id
        payment = await desk.see(seen, first=lambda one, _: made_refund(one, attempt_id, made))
    except NotNow as problem:
        failure = Failure(problem.code or "unavailable", str(problem))
        return await _ended(desk, payment, attempt_id, failure, not_now=problem)
    except Refused as refused:
        failure = Failure(refused.code or refused.type or "refused", str(refused))
        return await _ended(desk, payment, attempt_id, failure, refused=refused)
    except (Unanswered, TimeoutError, Malformed, Odd) as problem:
        log.warning("refund unanswered", attempt_id=attempt_id, charge_id=attempt.charge, reason=str(problem))
        payment = await _look_at_once(desk, payment, attempt)
    return Refunded(payment, refund_attempt_of(payment, attempt_id) or attempt)


async def _ended(
    desk: Desk,
    payment: Payment,
    attempt_id: str,
    failure: Failure,
    *,
    refused: Refused | None = None,
    not_now: NotNow | None = None,
) -> Refunded:
    payment = await desk.change(
        payment.name,
        lambda one, now_ms: end_refund(one, attempt_id, failure, now_ms, not_reached=not_now is not None),
    )
    attempt = refund_attempt_of(payment, attempt_id)
    assert attempt is not None  # noqa: S101  nobody else drops it
    return Refunded(payment, attempt, refused=refused, not_now=not_now)


async def _look_at_once(desk: Desk, payment: Payment, attempt: RefundAttempt) -> Payment:
    """Perhaps it is listed already; if not, its check goes on looking."""
    try:
        async with asyncio.timeout(5):
            found = await find_refund(desk, attempt)
            if found is None:
                return await desk.load(payment.name) or payment
            seen, made = found
            return await desk.see(seen, first=lambda one, _: made_refund(one, attempt.id, made))
    except (NotNow, Refused, Unanswered, TimeoutError, Malformed, Odd) as problem:
        log.info("refund not found yet", attempt_id=attempt.id, reason=str(problem))
        return payment
