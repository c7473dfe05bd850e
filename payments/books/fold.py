"""Folds: decides what a sighting adds to a payment, and what is published for it.

A sighting is a set of facts, and facts only grow. So folding is a join: commutative, associative, idempotent.
Duplicates, disorder, replays and two workers at once all give the same books. No I/O here.
"""

from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal
from urllib.parse import quote

from msgspec.structs import replace

from payments.books.payment import (
    Charge,
    Failure,
    Payment,
    Refund,
    made_charge,
    made_refund,
    with_charge,
    with_refund,
)
from payments.channels.table import for_client, qr_text
from payments.pingpp.sighting import ChargeLook, RefundLook, Sighting

EXPIRY_GRACE = 60  # seconds after `time_expire` in which Ping++ may still learn of a payment from the channel
_LONGEST_ORDER_NO = 100  # characters of it in a message id, which has at most 128

MessageType = Literal["paid", "paid_late", "paid_again", "refunded", "refund_failed", "closed", "failed"]
# How a sighting can contradict the books.
Oddity = Literal[
    "identity_conflict",
    "not_as_registered",
    "paid_while_reversing",
    "refund_of_unpaid_charge",
    "refund_conflict",
]


@dataclass(frozen=True, slots=True)
class Message:
    """One new fact to publish."""

    type: MessageType
    #: made from the fact, so it is always the same
    id: str
    #: charge id; None: an attempt failed that made none
    charge: str | None
    #: Unix seconds
    time: int
    #: refund id
    refund: str | None = None
    #: of `paid_again`: what was paid beyond the price, in minor currency units
    excess: int | None = None
    #: of an attempt that failed
    failure: Failure | None = None


@dataclass(frozen=True, slots=True)
class Folded:
    """The payment after a sighting, and what is new in it."""

    payment: Payment
    messages: tuple[Message, ...] = ()
    #: more was given back than the refunds that we know explain: ask Ping++
    ask: bool = False


def oddity(payment: Payment, sighting: Sighting) -> Oddity | None:
    """Why this sighting may not be folded into this payment, as a code word; None: it may."""
    look, known = sighting.charge, payment.charge(sighting.charge_id)
    if look and known and conflicts(known, look):
        return "identity_conflict"
    if look and sighting.app != payment.app:
        return "identity_conflict"
    asked_for = payment.registration
    if look and asked_for and (look.amount, look.currency) != (asked_for.amount, asked_for.currency):
        return "not_as_registered"
    news = look is not None and look.paid and not look.reversed and not (known and known.paid)
    # The reversal may give the money back. Whether goods are owed is known only when the reversal has ended.
    if news and payment.reversing(sighting.charge_id):
        return "paid_while_reversing"
    if sighting.refunds and not (look and look.paid) and not (known and known.paid):
        return "refund_of_unpaid_charge"
    for refund in sighting.refunds:
        held = payment.refund(refund.id)
        if held and (held.amount, held.charge) != (refund.amount, refund.charge):
            return "refund_conflict"
    return None


def conflicts(known: Charge | ChargeLook, look: ChargeLook) -> list[str]:
    """The names of the fields in which a look contradicts the charge in our books, or another look."""
    identity = ("order_no", "amount", "currency", "channel", "livemode")
    found = [name for name in identity if getattr(known, name) != getattr(look, name)]
    # null can become a value; two values that differ are a contradiction
    later = ("time_paid", "transaction_no")
    return found + [
        name
        for name in later
        if None not in (getattr(known, name), getattr(look, name))
        and getattr(known, name) != getattr(look, name)
    ]


def fold(payment: Payment, sighting: Sighting) -> Folded:
    """Join a sighting that has no `oddity` to a payment. Without a new fact: the same object, and no message."""
    before = payment.charge(sighting.charge_id)
    charge = before
    if sighting.charge:
        charge = _join_charge(before, sighting.charge, sighting)
        if payment.registration and payment.registration.token:
            charge = _for_the_payer(charge, sighting.object)
        if charge is not before:
            if before is None and _made_after_the_end(payment, charge):
                payment = replace(payment, reopened=True)
            payment = replace(payment, charges=with_charge(payment.charges, charge))
            payment = made_charge(payment, sighting.charge.attempt, charge.id)
    refunds: list[Message] = []
    for look in sighting.refunds:
        payment, ended = _join_refund(payment, look, sighting)
        refunds += ended
    if charge is None or (charge is before and not refunds):
        return Folded(payment)
    now = sighting.at_ms // 1000
    payment, messages = _paid(payment, before, charge, now)
    messages += refunds
    payment, closed = _closed(payment, before, charge, now)
    messages += closed
    payment = replace(payment, sequence=payment.sequence + len(messages)) if messages else payment
    grown = charge.amount_refunded > (before.amount_refunded if before else 0)
    return Folded(payment, tuple(messages), grown and unexplained(payment, charge) > 0)


def without_old_news(before: Payment, folded: Folded, watch_from: int) -> Folded:
    """Do not publish what is older than `watch_from` (Unix seconds) of a charge that was unknown here: an
    order that was shipped long ago is not shipped again. If a webhook tells of it later, it is published
    (`untold`).
    """
    kept = tuple(one for one in folded.messages if one.time >= watch_from)
    if len(kept) == len(folded.messages):
        return folded
    silent = {one.charge for one in folded.messages if one.time < watch_from and one.type == "paid"}
    charges = tuple(replace(c, untold=True) if c.id in silent else c for c in folded.payment.charges)
    payment = replace(folded.payment, charges=charges, sequence=before.sequence + len(kept))
    return Folded(payment, kept, folded.ask)


def unexplained(payment: Payment, charge: Charge) -> int:
    """How much of a charge was given back that no known refund, and no reversal, explains (minor units)."""
    if charge.reversed:
        return 0
    known = sum(r.amount for r in payment.refunds if r.charge == charge.id and (r.succeeded or not r.failed))
    return max(0, charge.amount_refunded - known)


def _join_charge(known: Charge | None, look: ChargeLook, sighting: Sighting) -> Charge:
    """The charge with what the look adds; the same object where nothing is new."""
    # A webhook may be hours old when it comes. Only a look that we began ourselves says what is true now.
    begun_by_us = sighting.source != "webhook"
    expired = (
        begun_by_us
        and not look.paid
        and look.time_expire is not None
        and sighting.at_ms >= (look.time_expire + EXPIRY_GRACE) * 1000
    )
    details: dict[str, Any] = {
        "time_expire": look.time_expire,
        "amount_settle": look.amount_settle,
        "extra": _shown(look.extra),
    }
    if known is None:
        return Charge(
            id=look.id,
            order_no=look.order_no,
            channel=look.channel,
            amount=look.amount,
            currency=look.currency,
            livemode=look.livemode,
            created=look.created,
            paid=look.paid,
            time_paid=look.time_paid,
            transaction_no=look.transaction_no,
            reversed=bool(look.reversed),
            expired=expired,
            amount_refunded=look.amount_refunded or 0,
            sources=(sighting.source,),
            **details,
        )
    joined = replace(
        known,
        untold=known.untold and not (look.paid and sighting.source == "webhook"),
        paid=known.paid or look.paid,
        time_paid=look.time_paid if known.time_paid is None else known.time_paid,
        transaction_no=look.transaction_no if known.transaction_no is None else known.transaction_no,
        reversed=known.reversed or bool(look.reversed),
        expired=known.expired or expired,
        amount_refunded=max(known.amount_refunded, look.amount_refunded or 0),
    )
    if joined == known:
        return known
    return replace(joined, sources=tuple(sorted({*known.sources, sighting.source})), **details)


def _join_refund(payment: Payment, look: RefundLook, sighting: Sighting) -> tuple[Payment, list[Message]]:
    known = payment.refund(look.id)
    joined = Refund(
        id=look.id,
        charge=sighting.charge_id,
        amount=look.amount,
        created=look.created,
        succeeded=look.succeeded or bool(known and known.succeeded),
        failed=look.failed or bool(known and known.failed),
        time_succeed=look.time_succeed or (known.time_succeed if known else None),
        failure_code=look.failure_code or (known.failure_code if known else None),
        failure_msg=look.failure_msg or (known.failure_msg if known else None),
        description=look.description or (known.description if known else None),
    )
    if known and (joined.succeeded, joined.failed) == (known.succeeded, known.failed):
        return payment, []
    payment = made_refund(payment, look.attempt, look.id)
    time = look.time_succeed or look.created or sighting.at_ms // 1000
    ended = []
    if joined.succeeded and not (known and known.succeeded):
        ended.append(Message("refunded", f"refunded:{look.id}", look.charge, time, refund=look.id))
    if joined.failed and not (known and known.failed):
        ended.append(Message("refund_failed", f"refund_failed:{look.id}", look.charge, time, refund=look.id))
    return replace(payment, refunds=with_refund(payment.refunds, joined)), ended


def _paid(payment: Payment, before: Charge | None, charge: Charge, now: int) -> tuple[Payment, list[Message]]:
    was_paid = bool(before and before.paid and not (before.untold and not charge.untold))
    if not charge.paid or (was_paid and before and before.reversed == charge.reversed):
        return payment, []
    if charge.reversed:  # paid and given back, perhaps both seen at once: nothing to deliver
        return payment, [Message("refunded", f"reversed:{charge.id}", charge.id, now)]
    if not was_paid and payment.refunded(charge) >= charge.amount:
        return payment, []  # paid and refunded, both seen at once: only the refunds are published
    time = charge.time_paid or now
    if payment.first_paid and payment.first_paid != charge.id:
        excess = excess_of(payment, charge)
        return payment, [Message("paid_again", f"paid_again:{charge.id}", charge.id, time, excess=excess)]
    asked_for = payment.registration
    late = (payment.closed is not None and not payment.reopened) or bool(asked_for and asked_for.closed_ms)
    payment = replace(payment, first_paid=charge.id, late=late)
    if late:
        return payment, [Message("paid_late", f"paid_late:{charge.id}", charge.id, time)]
    return payment, [Message("paid", f"paid:{_order_no_in_id(payment.order_no)}", charge.id, time)]


def _made_after_the_end(payment: Payment, charge: Charge) -> bool:
    """Whether the charge was made after `closed` was published: the merchant's own code began another
    attempt.
    """
    last = payment.charge(payment.closed or "")
    if last is None:
        return False
    return charge.created > ((last.time_expire or last.created) if last.expired else last.created)


def _closed(
    payment: Payment, before: Charge | None, charge: Charge, now: int
) -> tuple[Payment, list[Message]]:
    just_ended = not charge.open and (before is None or before.open)
    if not just_ended or payment.payable or any(other.paid for other in payment.charges):
        return payment, []
    time = charge.time_expire if charge.expired and charge.time_expire else now
    return closed(payment, charge, time)


def closed(payment: Payment, charge: Charge, time: int) -> tuple[Payment, list[Message]]:
    """Publish that nothing can be paid any more; `charge` was the last that could. `time` in Unix seconds."""
    before = (*payment.closed_before, payment.closed) if payment.closed else ()
    payment = replace(payment, closed=charge.id, closed_before=before, reopened=False)
    return payment, [Message("closed", f"closed:{charge.id}", charge.id, time)]


def excess_of(payment: Payment, charge: Charge) -> int:
    """What the merchant holds beyond the price because a further charge was paid, in minor currency units.

    0 where the first charge was given back. Of a charge in another currency, all that is kept is excess.
    """
    first = payment.charge(payment.first_paid or "")
    others = [c for c in payment.charges if c.id != charge.id and payment.kept(c)]
    if first is None or not others:
        return 0
    if any(other.currency != charge.currency for other in others):
        return payment.kept(charge)
    return max(0, sum(map(payment.kept, payment.charges)) - first.amount)


def _for_the_payer(charge: Charge, seen: dict[str, Any]) -> Charge:
    """The charge with what the payer has to be shown, as long as it can be paid."""
    if not charge.open:
        nothing = charge.qr_text is None and charge.for_client is None
        return charge if nothing else replace(charge, qr_text=None, for_client=None)
    text, whole = charge.qr_text or qr_text(seen), charge.for_client or for_client(seen)
    if (text, whole) == (charge.qr_text, charge.for_client):
        return charge
    return replace(charge, qr_text=text, for_client=whole)


def _shown(extra: object) -> dict[str, object]:
    """`extra` without the payer's one-time code, which must not be kept."""
    return {k: v for k, v in extra.items() if k != "scan_code"} if isinstance(extra, dict) else {}


def _order_no_in_id(order_no: str) -> str:
    name = quote(order_no, safe="")
    if len(name) <= _LONGEST_ORDER_NO:
        return name
    return "~" + blake2b(order_no.encode(), digest_size=16).hexdigest()
