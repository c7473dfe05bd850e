"""Writes a fulfilment message as one short line for people."""

import json
from typing import Any

from ops.cli.answers import plain
from payments.currency import money
from payments.times import at_ms


def line(entry_id: str, message: bytes) -> str:
    """Time, type, order number, amount, charge, sequence; no data of the buyer."""
    try:
        event = json.loads(message)
        words = _words(event)
    except (ValueError, TypeError, AttributeError, RecursionError):
        words = [at_ms(int(entry_id.partition("-")[0])), f"(not a message of ours, {len(message)} bytes)"]
    return plain("  ".join(str(word) for word in words if word))


def _words(event: dict[str, Any]) -> list[str | None]:
    data = event.get("data") or {}
    type_ = f"{event.get('type', ''):<28}"
    if "event" in data:  # passed through
        return [event.get("time"), type_, event.get("id"), _of_event(data["event"])]
    payment, charge = data.get("payment") or {}, data.get("charge") or {}
    refund = data.get("refund")
    about = refund or charge or payment
    currency = charge.get("currency") or payment.get("currency")
    excess = f"excess {money(data['excess'], currency)}" if data.get("excess") is not None else None
    return [
        event.get("time"),
        type_,
        event.get("subject"),
        money(about.get("amount"), currency),
        charge.get("id"),
        refund.get("id") if refund else None,
        excess,
        _sequence(event.get("sequence")),
    ]


def _of_event(event: dict[str, Any]) -> str | None:
    thing = event["data"]["object"]
    return money(thing.get("amount"), thing.get("currency")) or None


def _sequence(sequence: Any) -> str | None:
    return f"#{int(sequence)}" if isinstance(sequence, str) and sequence.isdigit() else None
