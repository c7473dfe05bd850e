"""Watches a charge that was made elsewhere: takes it under our care, if it is what the merchant says.

The price that the merchant says becomes the payment's registration, so no later look overrules it. Checks
follow from the payment as for any other charge. We never reverse the charge, because it was not made here.
"""

import asyncio
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

from msgspec.structs import replace

from payments.books import ledger
from payments.books.attempts import NotPossible
from payments.books.fold import Folded
from payments.books.join import Odd
from payments.books.payment import Charge, Payment, Registration
from payments.pingpp.gateway import Unanswered
from payments.pingpp.sighting import ORDER_METADATA, ChargeLook, Sighting
from payments.taking.desk import Desk

_ANSWER_WITHIN_S = 30  # the merchant's server waits


@dataclass(frozen=True, slots=True)
class Expected:
    """What the merchant says of a charge; None: nothing was said."""

    #: the payment to which it belongs; None: the charge itself names it
    order_no: str | None = None
    #: in minor currency units
    amount: int | None = None
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Watched:
    """The payment that the charge belongs to, and whether the charge was new in the books."""

    payment: Payment
    new: bool = False


async def watch(desk: Desk, charge_id: str, expected: Expected, *, apps: Collection[str] = ()) -> Watched:
    """Take a charge under our care; one that the books have is only compared. `apps` are ours; empty: any.

    Raises NotPossible (`order_conflict`, `not_ours`), GatewayError, Malformed, Odd, NewerSchema and Busy.
    Then the books are unchanged.
    """
    known = await _known(desk, charge_id)
    if known is not None:
        _check_ours(known.app, _charge(known, charge_id), desk, apps)
        told = await desk.change(known.name, lambda one, _: Folded(_told(one, charge_id, expected)))
        return Watched(told.payment)
    seen = await _retrieved(desk, charge_id)
    look, app = seen.charge, seen.app
    assert look is not None and app is not None  # noqa: S101, PT018  a charge was asked for, and it names its app
    _check_ours(app, look, desk, apps)
    ours = look.metadata.get(ORDER_METADATA) if isinstance(look.metadata, dict) else None
    if isinstance(ours, str) and expected.order_no not in (None, ours):
        # An attempt of that order made it, and waits for it.
        raise _conflict(f"It was made here for the order {ours}.", {"order_no": ours})
    name = "" if expected.order_no is None else f"{app}:{expected.order_no}"
    try:
        taken = await desk.take(seen, before_folding=lambda one, _: _told(one, look, expected), name=name)
    except Odd as odd:
        if odd.code == "not_as_registered" and odd.held.registration:
            raise _other_price(look, odd.held, odd.held.registration) from None
        raise
    return Watched(taken.payment, taken.new)


async def _known(desk: Desk, charge_id: str) -> Payment | None:
    """The payment that has the charge, if the books have it. Raises NewerSchema."""
    loaded = await asyncio.to_thread(ledger.load, desk.store, [(charge_id, None)], now_ms=0)
    name = loaded.ties.get(charge_id)
    if name is None:
        return None
    if name in loaded.unreadable:
        raise loaded.unreadable[name]
    payment = loaded.held[name].payment
    return payment if payment.charge(charge_id) else None


async def _retrieved(desk: Desk, charge_id: str) -> Sighting:
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            return await desk.retrieve(charge_id)
    except TimeoutError:
        raise Unanswered("no answer from Ping++ in time") from None


def _charge(payment: Payment, charge_id: str) -> Charge:
    charge = payment.charge(charge_id)
    assert charge is not None  # noqa: S101  it was there before, and no charge ever leaves its payment
    return charge


def _check_ours(app: str, charge: Charge | ChargeLook, desk: Desk, apps: Collection[str]) -> None:
    if apps and app not in apps:
        raise NotPossible("not_ours", f"a charge of {', '.join(sorted(apps))}")
    if charge.livemode is not desk.livemode:
        raise NotPossible("not_ours", f"a charge of {'live' if desk.livemode else 'test'} mode")


def _told(payment: Payment, of: str | ChargeLook, expected: Expected) -> Payment:
    """The payment with what the merchant says of its charge `of`: an id in the books, or a look. Raises
    NotPossible.
    """
    charge = _charge(payment, of) if isinstance(of, str) else of
    if expected.order_no not in (None, payment.order_no):
        raise _conflict(f"It belongs to the order {payment.order_no}.", {"order_no": payment.order_no})
    wanted = {"amount": expected.amount, "currency": expected.currency}
    differs = {name: getattr(charge, name) for name, value in wanted.items() if value is not None}
    differs = {name: found for name, found in differs.items() if found != wanted[name]}
    if differs:
        said = ", ".join(f"{name} {found}, not {wanted[name]}" for name, found in differs.items())
        raise _conflict(f"Ping++ has it with {said}.", differs)
    if payment.closed is not None and not payment.reopened and _open(charge):
        # It is a new attempt at the payment, though not ours: if it is paid, that is wanted and not late.
        payment = replace(payment, reopened=True)
    if payment.registration is not None or (expected.amount is None and expected.currency is None):
        return payment
    for other in payment.charges:
        if (other.amount, other.currency) != (charge.amount, charge.currency):
            raise _other_price(charge, payment, other)
    return replace(payment, registration=Registration(charge.amount, charge.currency, charge.livemode))


def _open(charge: Charge | ChargeLook) -> bool:
    return charge.open if isinstance(charge, Charge) else not (charge.paid or charge.reversed)


def _other_price(charge: Charge | ChargeLook, payment: Payment, known: Registration | Charge) -> NotPossible:
    names = [name for name in ("amount", "currency") if getattr(known, name) != getattr(charge, name)]
    return _conflict(
        f"The order {payment.order_no} stands for {known.amount} {known.currency} already, and this charge for "
        f"{charge.amount} {charge.currency}. An order has one price.",
        {name: getattr(known, name) for name in names},
    )


def _conflict(message: str, differs: dict[str, Any]) -> NotPossible:
    """`differs`: the fields that do not agree, with the values that they would have to have."""
    return NotPossible(
        "order_conflict", message, errors=[{"field": n, "rule": str(v)} for n, v in differs.items()]
    )
