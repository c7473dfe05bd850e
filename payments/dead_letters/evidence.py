"""The evidence in a dead letter: the facts of a sighting, without buyers' data."""

from typing import Any

from payments.books.join import Odd
from payments.books.payment import Charge
from payments.pingpp.sighting import ChargeLook, Sighting


def evidence(sighting: Sighting) -> dict[str, Any]:
    """What a sighting claims, for an operator to compare: no buyers' data, no credential."""
    claims = {"charge": sighting.charge_id, "app": sighting.app, **facts_of(sighting.charge)}
    if sighting.refunds:
        claims["refunds"] = [{"id": r.id, "amount": r.amount, "status": r.status} for r in sighting.refunds]
    return claims


def both_sides(odd: Odd) -> dict[str, Any]:
    """What was seen (`found`), what our books say (`held`), and what the merchant said (`registered`)."""
    held, seen = odd.held, odd.seen
    known = {"charge": seen.charge_id, "payment": held.name, **facts_of(held.charge(seen.charge_id))}
    sides: dict[str, Any] = {"found": evidence(seen), "held": known}
    if held.registration:
        sides["registered"] = {"amount": held.registration.amount, "currency": held.registration.currency}
    return sides


def facts_of(charge: Charge | ChargeLook | None) -> dict[str, Any]:
    """The facts of a charge that an operator compares, from our books or from a look."""
    names = (
        "order_no", "amount", "currency", "channel", "livemode", "paid", "time_paid", "transaction_no", "reversed",
        "amount_refunded",
    )  # fmt: skip
    return {name: getattr(charge, name) for name in names} if charge else {}
