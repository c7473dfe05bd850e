"""Prepares charges, refunds and webhooks as the pages show them."""

import datetime as dt
from dataclasses import dataclass
from typing import Any

from sandbox.objects.channels import CHANNELS
from sandbox.objects.scan import EXAMPLES
from sandbox.refusals import Object
from sandbox.webhooks.outbox import Attempt
from sandbox.world import World

SHOWN = 30  # so many charges, and so many attempts to deliver
_NO_DECIMALS = {"jpy", "krw"}


@dataclass(frozen=True)
class Row:
    """A charge as a person sees it."""

    charge: Object
    state: str
    amount: str
    wallet: str
    at_till: bool  # the customer shows a code, and may be asked for a password
    credential: str
    expires: str
    paid: str
    refunds: list[tuple[Object, str]]  # each with its amount as text

    @property
    def payable(self) -> bool:
        return self.state in {"open", "password"} or (self.state == "given_up" and not self.at_till)

    @property
    def refundable(self) -> bool:
        return self.state in {"paid", "partly_refunded"}


def row(world: World, charge: Object) -> Row:
    credential = charge["credential"].get(charge["channel"], "")
    known = world.store.refunds_of(charge["id"]) if charge["refunded"] else []
    return Row(
        charge=charge,
        state=state(charge, world.now()),
        amount=money(charge["amount"], charge["currency"]),
        wallet=_wallet(charge),
        at_till=CHANNELS[charge["channel"]].credential is None,
        credential=credential,
        expires=moment(charge["time_expire"]),
        paid=moment(charge["time_paid"]) if charge["time_paid"] else "",
        refunds=[(one, money(one["amount"], charge["currency"])) for one in known],
    )


def state(charge: Object, now: float) -> str:
    if charge["reversed"]:
        return "given_back" if charge["paid"] else "closed"
    if charge["paid"]:
        if charge["amount_refunded"] >= charge["amount"]:
            return "refunded"
        return "partly_refunded" if charge["amount_refunded"] else "paid"
    if charge["time_expire"] <= now:
        return "expired"
    if charge["failure_code"] is not None:
        return "given_up"
    return "open" if CHANNELS[charge["channel"]].credential is not None else "password"


def overview(world: World, order_no: str | None) -> dict[str, Any]:
    attempts = world.outbox.attempts(event_id=None, object_id=None, limit=SHOWN)
    return {
        "rows": [row(world, charge) for charge in world.store.newest_charges(SHOWN, order_no)],
        "order_no": order_no or "",
        "attempts": [_attempt(*one) for one in attempts],
        "outstanding": world.sender.outstanding,
        "now": moment(world.now()),
        "settle_after": world.settling.after,
        "chaos": world.lots.troubled,
        "codes": EXAMPLES,
    }


def money(amount: int, currency: str) -> str:
    shown = f"{amount:,}" if currency in _NO_DECIMALS else f"{amount // 100:,}.{amount % 100:02d}"
    return f"{shown} {currency.upper()}"


def moment(seconds: float) -> str:
    """A time (Unix seconds) as text, in the time zone of this machine."""
    return dt.datetime.fromtimestamp(seconds, dt.UTC).astimezone().strftime("%Y-%m-%d %H:%M:%S")


def _wallet(charge: Object) -> str:
    name = charge["channel"]
    if name.startswith("isv_"):
        wallet = charge["extra"].get("pay_channel")
        return wallet if wallet in {"alipay", "wx", "bfb"} else ""
    return next((one for one in ("alipay", "wx", "upacp", "ccb") if one in name), "")


def _attempt(event_id: str | None, type_: str | None, object_id: str | None, attempt: Attempt) -> Object:
    return {
        "event_id": event_id or "",
        "type": type_ or "",
        "object_id": object_id or "",
        "number": attempt.number,
        "answer": " · ".join(str(one) for one in (attempt.status, attempt.error) if one is not None),
        "state": attempt.state,
        "when": moment(attempt.at),
    }
