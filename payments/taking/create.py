"""Creates charges: written down first, called once, and folded like any other sighting.

A create is never repeated blindly. Where nobody knows what became of it, the charges that Ping++ lists are looked
through for the attempt's id (`payments/taking/resolve.py`), here at once and then by its check.
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
from msgspec.structs import replace

from payments.books.attempts import (
    BEGIN_MS,
    CALL_MS,
    OVER_MS,
    Begun,
    NotPossible,
    Wanted,
    attempt_of,
    begin,
    drop,
    end,
    made_by,
    with_attempt,
)
from payments.books.fold import Folded
from payments.books.join import Odd
from payments.books.payment import Failure, Payment
from payments.channels.table import attempt_order_no, find
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import NotNow, Refused, Unanswered
from payments.pingpp.sighting import ATTEMPT_METADATA, ORDER_METADATA, Malformed
from payments.taking.desk import Desk
from payments.taking.resolve import find_charge
from payments.taking.reverse import call_reverse

PASSED_ON = ("amount", "currency", "channel", "subject", "body", "client_ip", "time_expire", "description")
_TILL_AGAIN_MS = 3_000  # after a refusal at the till: if nothing is listed then either, it was one
_WAIT_EVERY_S, WAIT_FOR_S = 0.05, CALL_MS / 1000  # for the same request that is under way elsewhere

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Created:
    """What became of a request: the payment, whether this request registered it, and the refusal if it was refused."""

    payment: Payment
    new: bool = False
    refused: Refused | None = None
    not_now: NotNow | None = None


def digest(channel: str, extra: Mapping[str, Any] | None) -> str:
    """Tells whether a request is the same attempt; it keeps no scan code."""
    canonical = json.dumps([channel, extra or {}], sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


async def create(desk: Desk, wanted: Wanted, request: Mapping[str, Any]) -> Created:
    """Register a payment and create its charge, or return what there is already. `request` is valid by the table.

    Raises NotPossible, NewerSchema and Busy.
    """
    attempt_id, token = f"at_{secrets.token_hex(12)}", secrets.token_urlsafe(24)
    name, began = f"{wanted.app}:{wanted.order_no}", time.monotonic()
    decided: list[Begun] = []

    def decide(payment: Payment, now_ms: int) -> Folded:
        begun = begin(payment, wanted, attempt_id, token, now_ms)
        decided.append(begun)
        return Folded(_numbered(begun, attempt_id, wanted))

    payment = await desk.change(name, decide)
    begun = decided[-1]
    new = bool(payment.registration and payment.registration.token == token)
    if begun.step == "wait":
        return Created(await _others(desk, payment), new)
    if begun.step == "known":
        return Created(payment, new)
    if begun.step == "reverse":
        await _out_of_the_way(desk, name, attempt_id, begun.reverse)
        began = time.monotonic()
        payment = await desk.change(name, lambda one, now_ms: Folded(_stamped(one, attempt_id, now_ms)))
    made = await _call(desk, payment, attempt_id, request, began)
    return Created(made.payment, new, made.refused, made.not_now)


def _numbered(begun: Begun, attempt_id: str, wanted: Wanted) -> Payment:
    attempt = attempt_of(begun.payment, attempt_id)
    if attempt is None:
        return begun.payment
    order_no = attempt_order_no(wanted.order_no, begun.number, wanted.channel)
    return with_attempt(begun.payment, replace(attempt, order_no=order_no))


def _stamped(payment: Payment, attempt_id: str, now_ms: int) -> Payment:
    attempt = attempt_of(payment, attempt_id)
    if attempt is None or not attempt.open:  # its check gave it up: the reversal took too long
        raise NotPossible("attempt_open", "Closing the last charge took too long. Ask again.")
    return with_attempt(payment, replace(attempt, at_ms=now_ms, over_ms=now_ms + OVER_MS))


async def _others(desk: Desk, payment: Payment) -> Payment:
    """The same request is under way elsewhere: the payment once it has ended, or as it is when that takes too long."""
    until = time.monotonic() + WAIT_FOR_S
    while payment.attempts and payment.attempts[-1].open and time.monotonic() < until:
        await asyncio.sleep(_WAIT_EVERY_S)
        payment = await desk.load(payment.name) or payment
    return payment


async def _out_of_the_way(desk: Desk, name: str, attempt_id: str, charges: tuple[str, ...]) -> None:
    """Reverse what could still be paid. Raises NotPossible unless all of it is surely closed; the new attempt is dropped then."""
    payment: Payment | None = None
    for charge_id in charges:
        payment = await call_reverse(desk, name, charge_id)
    closed = payment and all(charge.reversed for charge in payment.charges if charge.id in charges)
    if closed:
        return
    payment = await desk.change(name, lambda one, now_ms: drop(one, attempt_id, now_ms))
    if any(charge.paid for charge in payment.charges):
        raise NotPossible("not_payable", "The payment was paid in the meantime.")
    raise NotPossible("attempt_open", "The last charge could not be closed yet. Ask again in a few seconds.")


async def _call(
    desk: Desk, payment: Payment, attempt_id: str, request: Mapping[str, Any], began: float
) -> Created:
    name, attempt = payment.name, attempt_of(payment, attempt_id)
    assert attempt is not None  # noqa: S101  it was written down just now
    at_ms = attempt.at_ms
    if (time.monotonic() - began) * 1000 > BEGIN_MS:  # its check may look for it soon: too late to begin
        late = NotNow("the call was not made: writing it down took too long")
        failure = Failure("unavailable", str(late))
        return Created(await _ended(desk, name, attempt_id, failure, not_reached=True), not_now=late)
    content = {key: request[key] for key in PASSED_ON if request.get(key) is not None}
    content |= {
        "order_no": attempt.order_no,
        "app": {"id": payment.app},
        "metadata": {
            **(request.get("metadata") or {}),
            ATTEMPT_METADATA: attempt_id,
            ORDER_METADATA: payment.order_no,
        },
    }
    if request.get("extra"):
        content["extra"] = request["extra"]
    try:
        async with asyncio.timeout(CALL_MS / 1000):
            reply = await desk.gateway.create_charge(content)
        seen = sightings.of_charge(reply, "reply", at_ms)
        return Created(await desk.see(seen, first=lambda one, _: made_by(one, attempt_id, seen.charge_id)))
    except NotNow as problem:
        failure = Failure(problem.code or "unavailable", str(problem))
        ended = await _ended(desk, name, attempt_id, failure, not_reached=True)
        return Created(ended, not_now=problem)
    except Refused as refused:
        failure = Failure(refused.code or refused.type or "refused", str(refused))
        if refused.status == 402 and _at_the_till(attempt.channel):
            return Created(await _perhaps_refused(desk, name, attempt_id, failure))
        return Created(await _ended(desk, name, attempt_id, failure), refused=refused)
    except (Unanswered, TimeoutError, Malformed, Odd) as problem:
        log.warning(
            "create unanswered", attempt_id=attempt_id, order_no=payment.order_no, reason=str(problem)
        )
        return Created(await _look_at_once(desk, name, attempt_id))


def _at_the_till(channel: str) -> bool:
    return find(channel).shown == "nothing" and channel.endswith("_scan")


async def _ended(
    desk: Desk, name: str, attempt_id: str, failure: Failure, *, not_reached: bool = False
) -> Payment:
    return await desk.change(
        name, lambda payment, now_ms: end(payment, attempt_id, failure, now_ms, not_reached=not_reached)
    )


async def _perhaps_refused(desk: Desk, name: str, attempt_id: str, failure: Failure) -> Payment:
    """At the till a refusal may mean that the customer is typing a password. The call is over, and it says so."""

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
    """Perhaps it is listed already; if not, its check goes on looking."""
    payment = await desk.load(name)
    attempt = attempt_of(payment, attempt_id) if payment else None
    assert payment is not None  # noqa: S101  it was written down
    if attempt is None or not attempt.open:
        return payment
    try:
        async with asyncio.timeout(5):
            found = await find_charge(desk, payment.app, attempt)
            if found is None:
                return payment
            made = found.charge_id
            return await desk.see(found, first=lambda one, _: made_by(one, attempt_id, made))
    except (NotNow, Refused, Unanswered, TimeoutError, Malformed, Odd) as problem:
        log.info("create not found yet", attempt_id=attempt_id, reason=str(problem))
        return payment
