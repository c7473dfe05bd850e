"""The payment document: what the ledger holds of one (app, order_no), and the status that follows from it.

A document holds facts, which only grow. The status is derived from them, never stored. Amounts are integers
in minor currency units. Times are Unix seconds as Ping++ gives them; those whose names end in `_ms` are ours,
in milliseconds by Redis's clock.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

Status = Literal["creating", "pending", "paid", "partially_refunded", "refunded", "closed", "failed"]
RefundStatus = Literal["pending", "succeeded", "failed"]


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt failed: Ping++'s code and message, or ours."""

    code: str
    message: str


class Registration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the merchant told us about the payment; no sighting overrules it."""

    amount: int
    currency: str
    livemode: bool
    subject: str = ""
    #: the secret part of the checkout's address; empty: no checkout, the charges were made elsewhere
    #: (`watch.py`)
    token: str = ""
    #: where the checkout sends the shopper afterwards
    return_url: str | None = None
    #: `tell` or `refund`: what is done with a payment that comes after the end
    on_paid_late: str = "tell"
    #: when the merchant ended the checkout
    closed_ms: int | None = None


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Our intent to create a charge, written down before Ping++ is called. It ends with a charge or with a
    failure; until then its outcome is unknown.
    """

    id: str
    #: the order number at Ping++
    order_no: str
    channel: str
    #: equal for requests with the same channel and extra
    digest: str
    #: when it was written down
    at_ms: int
    #: when its call has surely ended
    over_ms: int
    #: id of the charge that it made
    charge: str | None = None
    failure: Failure | None = None
    #: a refusal by Ping++ at the till, which is not final: the customer may still be typing a password
    refusal: Failure | None = None
    #: surely nothing was done: the order number can be used again
    not_reached: bool = False

    @property
    def open(self) -> bool:
        """Whether its outcome is not known."""
        return self.charge is None and self.failure is None


class Reversal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Our intent to reverse a charge, written down before Ping++ is called; the last one of each charge is
    kept.
    """

    #: charge id
    charge: str
    #: when it was written down
    at_ms: int
    #: when its call has surely ended
    over_ms: int
    #: calls so far for this charge
    tries: int = 1
    #: it ended and did not reverse the charge (a reversal that worked is a fact of the charge)
    ended: bool = False
    failure: Failure | None = None


class RefundAttempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Our intent to refund, which reserves its amount. It ends with a refund, or with a failure, which frees
    it.
    """

    id: str
    #: charge id
    charge: str
    amount: int
    #: when it was written down
    at_ms: int
    #: when its call has surely ended
    over_ms: int
    #: the merchant's Idempotency-Key; empty: we refund by ourselves
    key: str = ""
    #: of the request's body: tells whether a request with the same key is the same
    digest: str = ""
    #: id of the refund that it made
    refund: str | None = None
    failure: Failure | None = None
    not_reached: bool = False

    @property
    def open(self) -> bool:
        """Whether its outcome is not known."""
        return self.refund is None and self.failure is None


class Refund(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refund, from refund objects only (Ping++ docs: Refund). Neither succeeded nor failed: pending."""

    id: str
    charge: str
    amount: int
    created: int | None = None
    succeeded: bool = False
    failed: bool = False
    time_succeed: int | None = None
    failure_code: str | None = None
    failure_msg: str | None = None
    description: str | None = None

    @property
    def status(self) -> RefundStatus:
        """`succeeded` where both ends were seen: money that went back stays back."""
        return "succeeded" if self.succeeded else "failed" if self.failed else "pending"


class Charge(msgspec.Struct, frozen=True, omit_defaults=True):
    """The facts of one charge (Ping++ docs: Charge), and its identity, in which all its sightings must agree."""

    id: str
    order_no: str
    channel: str
    amount: int
    currency: str
    livemode: bool
    created: int
    paid: bool = False
    time_paid: int | None = None
    transaction_no: str | None = None
    reversed: bool = False
    expired: bool = False
    amount_refunded: int = 0
    time_expire: int | None = None
    #: from the latest look that brought a fact; only shown, never compared
    amount_settle: int | None = None
    #: the same, without the payer's scan code
    extra: dict[str, Any] = {}
    #: where its facts came from: webhook, retrieve, list, reply
    sources: tuple[str, ...] = ()
    #: it was paid before we watched: only a webhook publishes that
    untold: bool = False
    #: text of the QR code for the payer, while the charge is open and was made here
    qr_text: str | None = None
    #: the Charge for the client's SDK, in the same way
    for_client: dict[str, Any] | None = None

    @property
    def open(self) -> bool:
        """Whether it can still be paid, as far as we know."""
        return not (self.paid or self.reversed or self.expired)


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One payment. The facts of its charges and refunds do not depend on the order in which they were seen.
    The fields from `first_paid` to `created_ms` do, for they tell what was published, and when we first saw
    the payment.
    """

    schema: int
    app: str
    order_no: str
    #: sorted by when they were created
    charges: tuple[Charge, ...] = ()
    #: sorted by id
    refunds: tuple[Refund, ...] = ()
    #: the charge that was published as `paid` or `paid_late`
    first_paid: str | None = None
    #: it was published as `paid_late`
    late: bool = False
    #: the charge that was published as `closed` last
    closed: str | None = None
    #: those that were published as `closed` before it
    closed_before: tuple[str, ...] = ()
    #: a new attempt has begun since `closed` was published
    reopened: bool = False
    #: how many messages were published
    sequence: int = 0
    created_ms: int = 0
    registration: Registration | None = None
    attempts: tuple[Attempt, ...] = ()
    reversals: tuple[Reversal, ...] = ()
    refund_attempts: tuple[RefundAttempt, ...] = ()

    @property
    def name(self) -> str:
        """`<app>:<order_no>`, as in the keys of Redis."""
        return f"{self.app}:{self.order_no}"

    def charge(self, charge_id: str) -> Charge | None:
        """The charge with this id, if it is in the books."""
        for charge in self.charges:  # a generator would cost three times as much
            if charge.id == charge_id:
                return charge
        return None

    def refund(self, refund_id: str) -> Refund | None:
        """The refund with this id, if it is in the books."""
        for refund in self.refunds:
            if refund.id == refund_id:
                return refund
        return None

    def refunded(self, charge: Charge) -> int:
        """How much of a charge was refunded, by its refund objects that succeeded."""
        if not self.refunds:
            return 0
        return sum(
            refund.amount for refund in self.refunds if refund.charge == charge.id and refund.succeeded
        )

    def kept(self, charge: Charge) -> int:
        """How much of a charge the merchant keeps."""
        if not charge.paid or charge.reversed:
            return 0
        return max(0, charge.amount - self.refunded(charge))

    def available(self, charge: Charge) -> int:
        """How much of a charge can still be refunded: all but what went back, is pending, or is reserved."""
        if not charge.paid or charge.reversed:
            return 0
        refunds = [r for r in self.refunds if r.charge == charge.id and r.status != "failed"]
        gone = max(charge.amount_refunded, sum(refund.amount for refund in refunds))
        reserved = sum(a.amount for a in self.refund_attempts if a.charge == charge.id and a.open)
        return max(0, charge.amount - gone - reserved)

    def reversing(self, charge_id: str) -> Reversal | None:
        """The reversal of this charge whose outcome is unknown, if there is one."""
        charge = self.charge(charge_id)
        if charge is None or charge.reversed:
            return None
        return next((one for one in self.reversals if one.charge == charge_id and not one.ended), None)

    def made_here(self, charge_id: str) -> bool:
        """Whether an attempt of ours created the charge; we reverse no others."""
        return any(attempt.charge == charge_id for attempt in self.attempts)

    @property
    def payable(self) -> bool:
        """Whether anything can still be paid, as far as we know."""
        return any(charge.open for charge in self.charges) or any(one.open for one in self.attempts)

    @property
    def status(self) -> Status:
        """The status that follows from the facts; docs/payments.md says what each means."""
        paid = [charge for charge in self.charges if charge.paid]
        if not paid:
            return self._unpaid
        if any(self.kept(charge) == charge.amount for charge in paid):
            return "paid"
        return "partially_refunded" if any(self.kept(charge) for charge in paid) else "refunded"

    @property
    def _unpaid(self) -> Status:
        if any(charge.open for charge in self.charges):
            return "pending"
        if any(attempt.open for attempt in self.attempts):
            return "creating"
        if self.charges:
            return "closed"
        return "failed" if self.attempts else "pending"

    @property
    def shown(self) -> Charge | None:
        """The charge that stands for the payment: the one that was paid first, else the newest; None: there
        is none.
        """
        first = self.charge(self.first_paid) if self.first_paid else None
        paid = first or next((charge for charge in self.charges if charge.paid), None)
        return paid or self._newest or (self.charges[-1] if self.charges else None)

    @property
    def _newest(self) -> Charge | None:
        """The charge of the latest attempt that made one; two charges can be created in the same second."""
        made = (self.charge(one.charge) for one in reversed(self.attempts) if one.charge)
        return next((charge for charge in made if charge), None)

    @property
    def to_show(self) -> Charge | None:
        """The charge that a shopper is shown at our checkout: the newest that can be paid. None: there is
        none, the payment is paid, or the merchant ended the checkout.
        """
        asked_for = self.registration
        if asked_for is None or not asked_for.token or asked_for.closed_ms is not None:
            return None
        if any(charge.paid for charge in self.charges):
            return None
        newest = self._newest
        candidates = (newest, *reversed(self.charges)) if newest else reversed(self.charges)
        return next((c for c in candidates if c.open and not self.reversing(c.id)), None)


def with_charge(charges: Iterable[Charge], new: Charge) -> tuple[Charge, ...]:
    """`charges` with `new` in place of the one with the same id, sorted by age."""
    return tuple(sorted([*(c for c in charges if c.id != new.id), new], key=lambda c: (c.created, c.id)))


def with_refund(refunds: Iterable[Refund], new: Refund) -> tuple[Refund, ...]:
    """`refunds` with `new` in place of the one with the same id, sorted by id."""
    return tuple(sorted([*(r for r in refunds if r.id != new.id), new], key=lambda r: r.id))


def made_charge(payment: Payment, attempt_id: str | None, charge_id: str) -> Payment:
    """End the attempt that, by a charge's metadata, made it; also an attempt that was given up before."""
    if not any(one.id == attempt_id and one.charge is None for one in payment.attempts):
        return payment
    return replace(
        payment,
        attempts=tuple(
            replace(one, charge=charge_id, failure=None, not_reached=False) if one.id == attempt_id else one
            for one in payment.attempts
        ),
    )


def made_refund(payment: Payment, attempt_id: str | None, refund_id: str) -> Payment:
    """The same for a refund."""
    if not any(one.id == attempt_id and one.refund is None for one in payment.refund_attempts):
        return payment
    if any(one.refund == refund_id for one in payment.refund_attempts):  # one attempt made it, not two
        return payment
    return replace(
        payment,
        refund_attempts=tuple(
            replace(one, refund=refund_id, failure=None, not_reached=False) if one.id == attempt_id else one
            for one in payment.refund_attempts
        ),
    )
