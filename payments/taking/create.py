"""Creates charges: the attempt is written down, Ping++ is called once, and its answer is folded like any
sighting.

A create is never repeated blindly. If its outcome is unknown, the charges that Ping++ lists are searched for
the attempt's id (`payments/taking/resolve.py`): here at once, and later by the attempt's check.
"""

import secrets
from dataclasses import dataclass
from typing import Any

import structlog
from msgspec.structs import replace

from payments.books.attempts import (
    OVER_MS,
    NotPossible,
    attempt_of,
    begin,
    drop,
    end,
    made_by,
    with_attempt,
)
from payments.books.fold import Folded
from payments.books.payment import Attempt, Failure, Payment
from payments.books.wanted import Wanted
from payments.channels.table import find
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import NotNow, Refused
from payments.pingpp.sighting import ATTEMPT_METADATA, ORDER_METADATA
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
from payments.taking.resolve import find_charge
from payments.taking.reverse import call_reverse

# After a refusal at the till: if no charge is listed then either, the refusal is final.
_TILL_AGAIN_MS = 3_000
_LOOK_WITHIN_S = 5

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Created:
    """What became of a request."""

    payment: Payment
    #: this request registered the payment
    new: bool = False
    #: why this call made no charge
    problem: Refused | NotNow | None = None


async def create(desk: Desk, wanted: Wanted) -> Created:
    """Register a payment and create its charge, or return what there is already.

    Raises NotPossible, NewerSchema and Busy.
    """
    attempt_id, token = f"at_{secrets.token_hex(12)}", secrets.token_urlsafe(24)
    name = f"{wanted.app}:{wanted.order_no}"
    begun = await desk.change(name, lambda payment, now_ms: begin(payment, wanted, attempt_id, token, now_ms))
    payment = begun.payment
    new = bool(payment.registration and payment.registration.token == token)
    match begun.step:
        case "wait":
            return Created(await ended_elsewhere(desk, payment, _is_under_way), new)
        case "known":
            return Created(payment, new)
        case "reverse":
            await _out_of_the_way(desk, name, attempt_id, begun.reverse)
            payment = (
                await desk.change(name, lambda one, now_ms: Folded(_stamped(one, attempt_id, now_ms)))
            ).payment
        case "create":
            pass
    payment, problem = await _call(desk, wanted, payment, attempt_id)
    return Created(payment, new, problem)


def charge_request(wanted: Wanted, attempt: Attempt) -> dict[str, Any]:
    """The body of `POST /v1/charges` (Ping++ docs: create a Charge); what the merchant left out is left out."""
    passed_on = {
        "amount": wanted.amount,
        "currency": wanted.currency,
        "channel": wanted.channel,
        "subject": wanted.subject,
        "body": wanted.body,
        "client_ip": wanted.client_ip,
        "time_expire": wanted.time_expire,
        "description": wanted.description,
    }
    ids = {ATTEMPT_METADATA: attempt.id, ORDER_METADATA: wanted.order_no}
    request = {name: value for name, value in passed_on.items() if value is not None} | {
        "order_no": attempt.order_no,
        "app": {"id": wanted.app},
        "metadata": {**(wanted.metadata or {}), **ids},
    }
    return request | ({"extra": wanted.extra} if wanted.extra else {})


def _stamped(payment: Payment, attempt_id: str, now_ms: int) -> Payment:
    attempt = attempt_of(payment, attempt_id)
    if attempt is None or not attempt.open:  # its check gave it up: the reversal took too long
        raise NotPossible("attempt_open", "Closing the last charge took too long. Ask again.")
    return with_attempt(payment, replace(attempt, at_ms=now_ms, over_ms=now_ms + OVER_MS))


def _is_under_way(payment: Payment) -> bool:
    return bool(payment.attempts and payment.attempts[-1].open)


async def _out_of_the_way(desk: Desk, name: str, attempt_id: str, charges: tuple[str, ...]) -> None:
    """Reverse the charges that could still be paid. If not all of them are surely closed, drop the new
    attempt and raise NotPossible.
    """
    payment: Payment | None = None
    for charge_id in charges:
        payment = await call_reverse(desk, name, charge_id)
    closed = payment and all(charge.reversed for charge in payment.charges if charge.id in charges)
    if closed:
        return
    payment = (await desk.change(name, lambda one, now_ms: drop(one, attempt_id, now_ms))).payment
    if any(charge.paid for charge in payment.charges):
        raise NotPossible("not_payable", "The payment was paid in the meantime.")
    raise NotPossible("attempt_open", "The last charge could not be closed yet. Ask again in a few seconds.")


async def _call(
    desk: Desk, wanted: Wanted, payment: Payment, attempt_id: str
) -> tuple[Payment, Refused | NotNow | None]:
    """Call Ping++. Returns the payment as it is now, and why this call made no charge (None: it made one)."""
    name, attempt = payment.name, attempt_of(payment, attempt_id)
    assert attempt is not None  # noqa: S101  it was written down just now
    request = charge_request(wanted, attempt)

    async def take(reply: Reply, at_ms: int) -> Payment:
        seen = sightings.of_charge(reply, "reply", at_ms)
        return await desk.see(seen, before_folding=lambda one, _: made_by(one, attempt_id, seen.charge_id))

    ended = await call_once(desk, attempt.at_ms, lambda: desk.gateway.create_charge(request), take)
    match ended:
        case Done(made):
            return made, None
        case SurelyNot(problem) if problem.status == 402 and _at_the_till(attempt.channel):
            return await _perhaps_refused(desk, name, attempt_id, ended.failure), None
        case SurelyNot(problem) | NotMade(problem):
            failure, not_reached = ended.failure, isinstance(ended, NotMade)
            changed = await desk.change(
                name, lambda one, now_ms: end(one, attempt_id, failure, now_ms, not_reached=not_reached)
            )
            return changed.payment, problem
        case Unknown(reason):
            order_no = payment.order_no
            log.warning("create unanswered", attempt_id=attempt_id, order_no=order_no, reason=reason)
            return await _look_at_once(desk, name, attempt_id), None


def _at_the_till(channel: str) -> bool:
    return find(channel).shown == "nothing" and channel.endswith("_scan")


async def _perhaps_refused(desk: Desk, name: str, attempt_id: str, failure: Failure) -> Payment:
    """At the till a refusal may mean that the customer is typing a password: note it, and look at Ping++."""

    def note(payment: Payment, now_ms: int) -> Folded:
        attempt = attempt_of(payment, attempt_id)
        if attempt is None or not attempt.open:
            return Folded(payment)
        return Folded(
            with_attempt(payment, replace(attempt, refusal=failure, over_ms=now_ms + _TILL_AGAIN_MS))
        )

    await desk.change(name, note)
    return await _look_at_once(desk, name, attempt_id)


async def _look_at_once(desk: Desk, name: str, attempt_id: str) -> Payment:
    """Look whether the charge is listed already; if not, the attempt's check goes on looking."""
    payment = await desk.load(name)
    attempt = attempt_of(payment, attempt_id) if payment else None
    assert payment is not None  # noqa: S101  it was written down
    if attempt is None or not attempt.open:
        return payment

    async def find_it() -> Payment:
        found = await find_charge(desk, payment.app, attempt)
        if found is None:
            return payment
        made = found.charge_id
        return await desk.see(found, before_folding=lambda one, _: made_by(one, attempt_id, made))

    return await look("create not found yet", _LOOK_WITHIN_S, find_it(), attempt_id=attempt_id) or payment
