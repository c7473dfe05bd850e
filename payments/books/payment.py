"""The payment document: what the ledger holds of one (app, order_no), and the status that follows from it.

Documents hold facts, which only grow. Status is derived from them, never stored. Amounts are integers in the
smallest unit of the currency; times are Unix seconds as Ping++ gives them, but for `created_ms`, which is ours.
"""

from collections.abc import Iterable
from typing import Any, Literal

import msgspec
from msgspec.structs import replace

Status = Literal["creating", "pending", "paid", "partially_refunded", "refunded", "closed", "failed"]
RefundStatus = Literal["pending", "succeeded", "failed"]


class Failure(msgspec.Struct, frozen=True):
    """Why an attempt came to nothing: Ping++'s code and message, or ours."""

    code: str
    message: str


class Registration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the merchant told us about the payment, which no sighting overrules. `token` is the secret part of the
    checkout's address; `closed_ms` is when the merchant ended the checkout. Without a token there is none: the charges
    were made elsewhere (`payments/taking/watch.py`).
    """

    amount: int
    currency: str
    livemode: bool
    subject: str = ""
    token: str = ""
    return_url: str | None = None
    on_paid_late: str = "tell"
    closed_ms: int | None = None


class Attempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Our intent to create a charge, written down before Ping++ is called. `order_no` is the one at Ping++;
    `digest` tells a request for the same channel and extra from another. By `over_ms` the call has surely ended,
    one way or the other. It ends with a charge or with a failure; until then nobody knows.
    """

    id: str
    order_no: str
    channel: str
    digest: str
    at_ms: int
    over_ms: int
    charge: str | None = None
    failure: Failure | None = None
    refusal: Failure | None = None  # said by Ping++ at the till, where it is not the last word
    not_reached: bool = False  # surely nothing was done: the number can be used again

    @property
    def open(self) -> bool:
        """Whether its outcome is not known."""
        return self.charge is None and self.failure is None


class Reversal(msgspec.Struct, frozen=True, omit_defaults=True):
    """Our intent to reverse a charge, written down before Ping++ is called; the last one of each charge is kept."""

    charge: str
    at_ms: int
    over_ms: int
    tries: int = 1
    ended: bool = False  # without a reversal; one that worked is a fact of the charge
    failure: Failure | None = None


class RefundAttempt(msgspec.Struct, frozen=True, omit_defaults=True):
    """Our intent to refund, which reserves its amount. `key` is the merchant's Idempotency-Key, `digest` that of its
    body. It ends with a refund or with a failure, which frees the amount.
    """

    id: str
    charge: str
    amount: int
    at_ms: int
    over_ms: int
    key: str = ""
    digest: str = ""
    refund: str | None = None
    failure: Failure | None = None
    not_reached: bool = False

    @property
    def open(self) -> bool:
        """Whether its outcome is not known."""
        return self.refund is None and self.failure is None


class Refund(msgspec.Struct, frozen=True, omit_defaults=True):
    """A refund, from refund objects only. Neither succeeded nor failed: pending."""

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
        """`succeeded` where both ends were ever seen: money that went back stays back."""
        return "succeeded" if self.succeeded else "failed" if self.failed else "pending"


class Charge(msgspec.Struct, frozen=True, omit_defaults=True):
    """The facts of one charge, and its identity, in which all sightings of it must agree."""

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
    # For show, from the latest look that brought a fact; no part of any comparison.
    amount_settle: int | None = None
    extra: dict[str, Any] = {}
    sources: tuple[str, ...] = ()
    untold: bool = False  # paid before we watched: only a webhook publishes it
    # What the payer has to be shown, while it is open and made here.
    qr_text: str | None = None
    for_client: dict[str, Any] | None = None

    @property
    def open(self) -> bool:
        """Whether it can still be paid, as far as we know."""
        return not (self.paid or self.reversed or self.expired)


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One payment. `charges` and `refunds` are sorted, so that equal facts make equal documents.

    What depends on the order of learning, rightly: `first_paid` (the charge published as `paid` or `paid_late`, then
    `late` too), `closed` (the charge published as `closed`), `reopened` (an attempt has begun since), `sequence`
    (messages so far) and `created_ms`.
    """

    schema: int
    app: str
    order_no: str
    charges: tuple[Charge, ...] = ()
    refunds: tuple[Refund, ...] = ()
    first_paid: str | None = None
    late: bool = False
    closed: str | None = None
    closed_before: tuple[str, ...] = ()
    reopened: bool = False
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
        """The charge of that id, if it is in the books."""
        for charge in self.charges:  # a generator would cost thrice as much
            if charge.id == charge_id:
                return charge
        return None

    def refund(self, refund_id: str) -> Refund | None:
        """The refund of that id, if it is in the books."""
        for refund in self.refunds:
            if refund.id == refund_id:
                return refund
        return None

    def refunded(self, charge: Charge) -> int:
        """What of a charge has gone back, by refund objects."""
        if not self.refunds:
            return 0
        return sum(
            refund.amount for refund in self.refunds if refund.charge == charge.id and refund.succeeded
        )

    def kept(self, charge: Charge) -> int:
        """What the merchant keeps of a charge."""
        if not charge.paid or charge.reversed:
            return 0
        return max(0, charge.amount - self.refunded(charge))

    def available(self, charge: Charge) -> int:
        """What of a charge can still be refunded: less what went back, is going back, or is asked to."""
        if not charge.paid or charge.reversed:
            return 0
        refunds = [r for r in self.refunds if r.charge == charge.id and r.status != "failed"]
        gone = max(charge.amount_refunded, sum(refund.amount for refund in refunds))
        reserved = sum(a.amount for a in self.refund_attempts if a.charge == charge.id and a.open)
        return max(0, charge.amount - gone - reserved)

    def reversing(self, charge_id: str) -> Reversal | None:
        """The attempt to reverse a charge whose outcome is not known, if there is one."""
        charge = self.charge(charge_id)
        if charge is None or charge.reversed:
            return None
        return next((one for one in self.reversals if one.charge == charge_id and not one.ended), None)

    def made_here(self, charge_id: str) -> bool:
        """Whether the charge was created by an attempt of ours; only such are reversed by us."""
        return any(attempt.charge == charge_id for attempt in self.attempts)

    @property
    def payable(self) -> bool:
        """Whether anything can still be paid, as far as we know."""
        return any(charge.open for charge in self.charges) or any(one.open for one in self.attempts)

    @property
    def status(self) -> Status:
        """What follows from the facts; docs/payments.md says what each means."""
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
        """The charge that speaks for the payment: the one that was paid first, else the newest; None before any."""
        first = self.charge(self.first_paid) if self.first_paid else None
        paid = first or next((charge for charge in self.charges if charge.paid), None)
        return paid or self._newest or (self.charges[-1] if self.charges else None)

    @property
    def _newest(self) -> Charge | None:
        """The charge of the latest attempt that made one: two can be created within the same second."""
        made = (self.charge(one.charge) for one in reversed(self.attempts) if one.charge)
        return next((charge for charge in made if charge), None)

    @property
    def to_show(self) -> Charge | None:
        """The charge that a payer is shown at our checkout: the newest that can be paid, while nothing is and nobody
        ended it.
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
    """`charges` with `new` in the place of the one of its id, sorted by age."""
    return tuple(sorted([*(c for c in charges if c.id != new.id), new], key=lambda c: (c.created, c.id)))


def with_refund(refunds: Iterable[Refund], new: Refund) -> tuple[Refund, ...]:
    """`refunds` with `new` in the place of the one of its id, sorted by id."""
    return tuple(sorted([*(r for r in refunds if r.id != new.id), new], key=lambda r: r.id))


def made_charge(payment: Payment, attempt_id: str | None, charge_id: str) -> Payment:
    """A charge was seen that says which attempt made it: that one has ended, even where it was given up."""
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
    if any(one.refund == refund_id for one in payment.refund_attempts):  # no refund is two attempts'
        return payment
    return replace(
        payment,
        refund_attempts=tuple(
            replace(one, refund=refund_id, failure=None, not_reached=False) if one.id == attempt_id else one
            for one in payment.refund_attempts
        ),
    )
