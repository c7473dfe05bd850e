"""Writes fulfilment messages: CloudEvents 1.0 in JSON, the outside interface of the fulfilment stream."""

from typing import Any

import msgspec

from payments.books.fold import Folded, Message
from payments.books.laws import check_told
from payments.books.payment import Charge, Payment
from payments.books.view import payment_json
from payments.pingpp.event import Event, app_of
from payments.pingpp.sighting import Sighting
from payments.times import rfc3339, rfc3339_ms

SCHEMA = 1
_encoder = msgspec.json.Encoder()


def of_fold(folded: Folded, sighting: Sighting) -> list[bytes]:
    """The messages of a fold, in order, as JSON for the stream. Raises LawBroken."""
    return _encoded(folded, sighting, sighting.at_ms) if folded.messages else []


def of_attempt(folded: Folded, now_ms: int) -> list[bytes]:
    """The messages of an attempt that failed; there is no sighting behind them. Raises LawBroken."""
    return _encoded(folded, None, now_ms)


def _encoded(folded: Folded, sighting: Sighting | None, at_ms: int) -> list[bytes]:
    payment = folded.payment
    shown = payment_json(payment)
    first = payment.sequence - len(folded.messages) + 1
    for message in folded.messages:
        check_told(payment, message)
    return [
        _encoder.encode(
            _cloud_event(payment, shown, message, sighting, at_ms=at_ms, sequence=first + position)
        )
        for position, message in enumerate(folded.messages)
    ]


def of_event(event: Event, received_ms: int) -> bytes:
    """The message of an event that does not concern the ledger: it is passed through as it came.

    Raises RecursionError for an event that is nested so deep that it can be read, but not written.
    """
    thing = event.data.object
    app, object_id = app_of(thing), thing.get("id")
    message: dict[str, Any] = {
        "specversion": "1.0",
        "id": f"{event.id}:{'' if object_id is None else object_id}",
        "source": f"/pingpp-ingest/{app}" if app else "/pingpp-ingest",
        "type": f"pingpp.event.{event.type}",
        "time": rfc3339(event.created) or rfc3339_ms(received_ms),
        "datacontenttype": "application/json",
        "data": {"schema": SCHEMA, "event": event.whole, "sources": ["webhook"]},
    }
    return _encoder.encode(message)


def _cloud_event(
    payment: Payment,
    shown: dict[str, Any],
    message: Message,
    sighting: Sighting | None,
    *,
    at_ms: int,
    sequence: int,
) -> dict[str, Any]:
    charge = payment.charge(message.charge) if message.charge else None
    seen = sighting is not None and sighting.charge is not None and sighting.charge_id == message.charge
    data: dict[str, Any] = {
        "schema": SCHEMA,
        "payment": shown,
        "charge": as_it_came(sighting.object) if sighting and seen else _from_the_books(charge),
        "sources": sorted({*((sighting.source,) if sighting else ()), *(charge.sources if charge else ())}),
    }
    if message.refund is not None and sighting is not None:
        data["refund"] = _refund_object(sighting, message.refund)
    if message.excess is not None:
        data["excess"] = message.excess
    if message.failure is not None:
        data["failure"] = {"code": message.failure.code, "message": message.failure.message}
    return {
        "specversion": "1.0",
        "id": message.id,
        "source": f"/pingpp-ingest/{payment.app}",
        "type": f"pingpp.payment.{message.type}",
        "subject": payment.order_no,
        "time": rfc3339(message.time) or rfc3339_ms(at_ms),
        "datacontenttype": "application/json",
        "partitionkey": payment.name,
        # a string that sorts as the number does (CloudEvents extension `sequence`)
        "sequence": f"{sequence:010d}",
        "data": data,
    }


def as_it_came(charge: dict[str, Any]) -> dict[str, Any]:
    """Ping++'s Charge without what must not be published: the credential, and the payer's scan code."""
    shown = {name: value for name, value in charge.items() if name != "credential"}
    extra = shown.get("extra")
    if isinstance(extra, dict) and "scan_code" in extra:
        shown["extra"] = {name: value for name, value in extra.items() if name != "scan_code"}
    return shown


def _from_the_books(charge: Charge | None) -> dict[str, Any] | None:
    """The charge from our books, under Ping++'s names: for a refund that was seen without its charge."""
    if charge is None:
        return None
    held: dict[str, Any] = msgspec.to_builtins(charge)
    for name in ("sources", "expired", "qr_text", "for_client"):
        held.pop(name, None)
    return {"object": "charge", "paid": charge.paid, "reversed": charge.reversed, **held}


def _refund_object(sighting: Sighting, refund_id: str) -> dict[str, Any]:
    if sighting.charge is None:
        return sighting.object
    listed: list[dict[str, Any]] = sighting.object["refunds"]["data"]
    return next(refund for refund in listed if refund["id"] == refund_id)
