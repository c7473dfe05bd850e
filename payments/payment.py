"""The payment document: what the ledger holds of one (app, order_no), and the status that follows from it.

Documents hold facts, which only grow. Status is derived from them, never stored. Amounts are integers in the
smallest unit of the currency; times are Unix seconds as Ping++ gives them, but for `created_ms`, which is ours.
"""

from collections.abc import Iterable
from typing import Any

import msgspec

SCHEMA = 1
TOKEN_BYTES = 16  # the random token before each document, see record.lua


class NewerSchema(RuntimeError):
    """The document was written by a later release: leave the work due for a worker that knows it."""


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
    def status(self) -> str:
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

    @property
    def open(self) -> bool:
        """Whether it can still be paid, as far as we know."""
        return not (self.paid or self.reversed or self.expired)


class Payment(msgspec.Struct, frozen=True, omit_defaults=True):
    """One payment. `charges` and `refunds` are sorted, so that equal facts make equal documents.

    What depends on the order of learning, rightly: `first_paid` (the charge published as `paid`), `closed`
    (the charge published as `closed`), `sequence` (messages so far) and `created_ms`.
    """

    schema: int
    app: str
    order_no: str
    charges: tuple[Charge, ...] = ()
    refunds: tuple[Refund, ...] = ()
    first_paid: str | None = None
    closed: str | None = None
    sequence: int = 0
    created_ms: int = 0

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

    @property
    def status(self) -> str:
        """`pending`, `paid`, `partially_refunded`, `refunded` or `closed`."""
        paid = [charge for charge in self.charges if charge.paid]
        if not paid:
            return "pending" if not self.charges or any(charge.open for charge in self.charges) else "closed"
        if any(self.kept(charge) == charge.amount for charge in paid):
            return "paid"
        return "partially_refunded" if any(self.kept(charge) for charge in paid) else "refunded"

    @property
    def shown(self) -> Charge:
        """The charge that speaks for the payment: the one that was paid first, else the newest."""
        first = self.charge(self.first_paid) if self.first_paid else None
        return first or next((c for c in self.charges if c.paid), self.charges[-1])


def with_charge(charges: Iterable[Charge], new: Charge) -> tuple[Charge, ...]:
    """`charges` with `new` in the place of the one of its id, sorted by age."""
    return tuple(sorted([*(c for c in charges if c.id != new.id), new], key=lambda c: (c.created, c.id)))


def with_refund(refunds: Iterable[Refund], new: Refund) -> tuple[Refund, ...]:
    """`refunds` with `new` in the place of the one of its id, sorted by id."""
    return tuple(sorted([*(r for r in refunds if r.id != new.id), new], key=lambda r: r.id))


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Payment)


class _Schema(msgspec.Struct):
    schema: int


_schema_decoder = msgspec.json.Decoder(_Schema)


def encode(payment: Payment) -> bytes:
    """The JSON document as it stands in Redis behind its token."""
    return _encoder.encode(payment)


def decode(document: bytes) -> Payment:
    """Raises NewerSchema for a document of a later release, ValueError for what is no document at all."""
    try:
        payment = _decoder.decode(document)
        schema = payment.schema
    except msgspec.ValidationError:  # a later release may have given things another shape
        schema = _schema_decoder.decode(document).schema
        if schema <= SCHEMA:
            raise
    if schema > SCHEMA:
        raise NewerSchema(f"its payment was written with schema {schema}, this release knows {SCHEMA}")
    return payment
