"""A sighting: what one look at a charge or a refund says, as typed facts out of Ping++'s open-shaped objects."""

from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from payments.pingpp.event import Event

ORDER_METADATA = "pingpp_ingest_order"  # of charges that we create: the order_no of their payment
ATTEMPT_METADATA = "pingpp_ingest_attempt"  # of charges and refunds that we create: the id of their attempt

# The largest integer that every JSON reader can hold (RFC 8259 §6); a larger one is no amount and no time.
_LARGEST = 2**53 - 1
Amount = Annotated[int, msgspec.Meta(gt=0, le=_LARGEST)]
Number = Annotated[int, msgspec.Meta(ge=-_LARGEST, le=_LARGEST)]
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=256)]
# An app stands before a colon in our keys, and message ids are made of the other ids.
AppId = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
Id = Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_.-]{1,63}\Z")]


class Malformed(ValueError):
    """The object does not have the shape of a charge or refund; the message names the field, not its value."""


class _App(msgspec.Struct):
    id: AppId


class RefundLook(msgspec.Struct, frozen=True):
    """A Refund object (Ping++ docs: Refund). `amount` in minor currency units, times in Unix seconds."""

    id: Id
    charge: Id
    amount: Amount
    status: str | None = None
    succeed: bool = False
    charge_order_no: str | None = None
    created: Number | None = None
    time_succeed: Number | None = None
    failure_code: str | None = None
    failure_msg: str | None = None
    description: str | None = None
    app: AppId | _App | None = None
    metadata: dict[str, Any] | list[Any] | None = None

    @property
    def attempt(self) -> str | None:
        """The id of the attempt of ours that made it; None: it was made elsewhere."""
        return attempt_in(self.metadata)

    @property
    def succeeded(self) -> bool:
        """Whether it succeeded; older objects have `succeed` and no `status`."""
        return self.status == "succeeded" or (self.status is None and self.succeed)

    @property
    def failed(self) -> bool:
        """Whether it failed; only `status` says that."""
        return self.status == "failed"


class _RefundList(msgspec.Struct, frozen=True):
    data: list[RefundLook] = []
    has_more: bool = False


class ChargeLook(msgspec.Struct, frozen=True):
    """A Charge object (Ping++ docs: Charge), as far as we read it. Amounts in minor currency units, times in
    Unix seconds. `reversed` is missing in older payloads; `refunds` is null inside Order events; empty hashes
    can arrive as lists.
    """

    id: Id
    app: AppId | _App
    order_no: Name
    channel: Name
    amount: Amount
    currency: Name
    livemode: bool
    paid: bool
    created: Number
    reversed: bool | None = False
    time_paid: Number | None = None
    time_expire: Number | None = None
    transaction_no: str | None = None
    amount_settle: Number | None = None
    amount_refunded: Number | None = 0
    refunds: _RefundList | None = None
    extra: dict[str, Any] | list[Any] | None = None
    metadata: dict[str, Any] | list[Any] | None = None

    @property
    def attempt(self) -> str | None:
        """The id of the attempt of ours that made it; None: it was made elsewhere."""
        return attempt_in(self.metadata)


def attempt_in(metadata: Any) -> str | None:
    """The id of our attempt in the metadata of a charge or refund; empty hashes can arrive as lists."""
    found = metadata.get(ATTEMPT_METADATA) if isinstance(metadata, dict) else None
    return found if isinstance(found, str) and found else None


@dataclass(frozen=True, slots=True)
class Sighting:
    """One look: at a charge with the refunds that it lists, or at one refund alone."""

    #: webhook, retrieve, list or reply (the answer to a call that changes something)
    source: str
    #: when the look began, by Redis's clock
    at_ms: int
    #: the charge or refund as it came
    object: dict[str, Any]
    charge_id: str
    #: None: a refund was seen alone
    charge: ChargeLook | None
    refunds: tuple[RefundLook, ...] = ()
    #: the charge has more refunds than it lists
    more_refunds: bool = False

    @property
    def app(self) -> str | None:
        """The app's id; None where a refund does not name it."""
        app = self.charge.app if self.charge else self.refunds[0].app
        return app.id if isinstance(app, _App) else app


def of_charge(charge: dict[str, Any], source: str, at_ms: int) -> Sighting:
    """The sighting in a Charge object. Raises Malformed."""
    try:
        look = msgspec.convert(charge, ChargeLook)
    except msgspec.ValidationError as error:
        raise Malformed(f"charge: {error}") from None
    listed = look.refunds or _RefundList()
    if any(refund.charge != look.id for refund in listed.data):
        raise Malformed("charge: `refunds` lists one of another charge")
    return Sighting(source, at_ms, charge, look.id, look, tuple(listed.data), listed.has_more)


def of_refund(refund: dict[str, Any], source: str, at_ms: int) -> Sighting:
    """The sighting in a Refund object. Raises Malformed."""
    try:
        look = msgspec.convert(refund, RefundLook)
    except msgspec.ValidationError as error:
        raise Malformed(f"refund: {error}") from None
    return Sighting(source, at_ms, refund, look.charge, None, (look,))


def concerns_ledger(event: Event) -> bool:
    """Whether an event goes to the ledger: `charge.*` and `refund.*` do, every other type is passed through."""
    return event.type.startswith(("charge.", "refund."))


def of_event(event: Event, at_ms: int) -> Sighting:
    """The sighting in an event that concerns the ledger. Raises Malformed."""
    thing = event.data.object
    if event.type.startswith("refund."):
        return of_refund(thing, "webhook", at_ms)
    return of_charge(thing, "webhook", at_ms)


def charge_named_by(event: Event) -> str | None:
    """The id of the charge that a ledger event is about; it is found also where the rest is malformed."""
    name = "charge" if event.type.startswith("refund.") else "id"
    found = event.data.object.get(name)
    return found if isinstance(found, str) and found else None


def order_named_by(event: Event) -> str | None:
    """The order number at Ping++ of the charge that a ledger event is about (a refund's `order_no` is
    another).
    """
    found = event.data.object.get("charge_order_no" if event.type.startswith("refund.") else "order_no")
    return found if isinstance(found, str) and found else None


def order_of(charge: ChargeLook, order_key: str = "order_no") -> str:
    """The payment's order_no: what we wrote into `metadata` of our own charges; else what stands at
    `order_key`, the setting for charges made elsewhere (`order_no` or `metadata.<name>`); else the charge's
    own.
    """
    metadata = charge.metadata if isinstance(charge.metadata, dict) else {}
    named = metadata.get(ORDER_METADATA)
    if not named and order_key.startswith("metadata."):
        named = metadata.get(order_key.removeprefix("metadata."))
    return named if isinstance(named, str) and named else charge.order_no
