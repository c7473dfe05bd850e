"""Resolves attempts whose outcome is unknown: it looks for what they made, and never makes it again."""

from payments.books.attempts import attempt_of, end, end_refund, made_by, refund_attempt_of
from payments.books.fold import Folded
from payments.books.payment import Attempt, Failure, Payment, RefundAttempt, made_refund
from payments.due import Errand
from payments.pingpp import sighting as sightings
from payments.pingpp.sighting import Sighting, attempt_in
from payments.taking.desk import Desk, with_refunds

_CLOCKS_MS = 120_000  # our clock and Ping++'s differ by far less


async def find_charge(desk: Desk, app: str, attempt: Attempt) -> Sighting | None:
    """Look for the charge that an attempt made among the charges of that time. None: it is not listed.

    Raises GatewayError and Malformed.
    """
    at_ms = await desk.now_ms()
    pages = desk.gateway.list_charges(
        app,
        channel=attempt.channel,
        created_gte=(attempt.at_ms - _CLOCKS_MS) // 1000,
        created_lte=(attempt.over_ms + _CLOCKS_MS) // 1000 + 1,
    )
    async for page in pages:
        for charge in page:
            if attempt_in(charge.get("metadata")) == attempt.id:
                return sightings.of_charge(charge, "list", at_ms)
    return None


async def resolve_create(desk: Desk, payment: Payment, attempt: Attempt, errand: Errand) -> Payment:
    """Settle an attempt to create: with its charge; or with a failure, when its call is surely over.

    Raises GatewayError, Malformed, Odd, NewerSchema and Busy.
    """
    found = await find_charge(desk, payment.app, attempt)
    if found:
        made = found.charge_id
        return await desk.see(
            found, before_folding=lambda one, _: made_by(one, attempt.id, made), errand=errand
        )
    failure = attempt.refusal or Failure(
        "not_created", "Ping++ was called and gave no answer; no charge was made"
    )

    def decide(payment: Payment, now_ms: int) -> Folded:
        now = attempt_of(payment, attempt.id)
        if now is None or not now.open or errand.now_ms < now.over_ms:
            return Folded(payment)
        return end(payment, attempt.id, failure, now_ms)

    return (await desk.change(payment.name, decide, errand=errand)).payment


async def find_refund(desk: Desk, attempt: RefundAttempt) -> tuple[Sighting, str] | None:
    """Look for the refund that an attempt made. Returns its charge, with all refunds, and the refund's id.

    Raises GatewayError and Malformed.
    """
    at_ms = await desk.now_ms()
    refunds = [one async for one in desk.gateway.list_refunds(attempt.charge)]
    made = next((one for one in refunds if attempt_in(one.get("metadata")) == attempt.id), None)
    if made is None:
        return None
    charge = await desk.gateway.retrieve_charge(attempt.charge)
    return sightings.of_charge(with_refunds(charge, refunds), "retrieve", at_ms), str(made["id"])


async def resolve_refund(desk: Desk, payment: Payment, attempt: RefundAttempt, errand: Errand) -> Payment:
    """The same for an attempt to refund."""
    found = await find_refund(desk, attempt)
    if found:
        seen, made = found
        return await desk.see(
            seen, before_folding=lambda one, _: made_refund(one, attempt.id, made), errand=errand
        )
    failure = Failure("not_created", "Ping++ was called and gave no answer; no refund was made")

    def decide(payment: Payment, now_ms: int) -> Folded:
        now = refund_attempt_of(payment, attempt.id)
        if now is None or not now.open or errand.now_ms < now.over_ms:
            return Folded(payment)
        return end_refund(payment, attempt.id, failure, now_ms)

    return (await desk.change(payment.name, decide, errand=errand)).payment
