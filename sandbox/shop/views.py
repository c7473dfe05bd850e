"""Prepares a payment, as the merchant API shows it, for the demo shop's pages."""

import datetime as dt
import re
import unicodedata
from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from sandbox.pages import views
from sandbox.refusals import Object
from sandbox.shop import goods
from sandbox.shop.goods import Good, Kind

_SIGNS = {"cny": "CN¥", "usd": "US$"}
_SIGNS_AT_HOME = {"cny": "¥", "usd": "US$"}
_ADDRESS = re.compile(r"[A-Za-z0-9_-]{1,64}")  # order numbers that need no escape in an address

# The next step: the shopper scans · goes on in the client SDK · types a password at the till · the outcome is not
# known yet · there is none.
Step = Literal["scan", "client", "password", "unknown", "none"]


@dataclass(frozen=True)
class Order:
    payment: Object
    good: Good | None
    kind: Kind | None  # the channel's; None: the shop does not offer the channel
    step: Step
    amount: str
    refunded: str  # empty: nothing was
    created: str
    paid: str
    expires: str
    #: each with its amount as text, like the refunds
    charges: list[tuple[Object, str]]
    refunds: list[tuple[Object, str]]
    #: id of the charge that the customer can pay; empty: there is none
    to_play: str
    #: the charge that still holds money
    refundable: Object | None
    #: what is left to refund of it, in minor currency units
    left: int
    left_text: str

    @property
    def settled(self) -> bool:
        return self.payment["status"] not in {"creating", "pending"}

    @property
    def reversed_soon(self) -> bool:
        """Whether the product reverses an unpaid charge after a minute, long before its `time_expire`."""
        return self.kind in {"till", "h5"} or self.payment["channel"] == "isv_qr"

    @property
    def moving(self) -> bool:
        """Whether more will change without the shopper."""
        return not self.settled or any(refund["status"] == "pending" for refund, _ in self.refunds)

    @property
    def version(self) -> str:
        """A text that changes whenever the page has something new to show."""
        states = [one["status"] for one, _ in [*self.charges, *self.refunds]]
        return " ".join([self.payment["status"], self.step, self.to_play, *states])

    @property
    def in_parts(self) -> bool:
        """Whether a part can be refunded: the shop must know the currency's decimal places."""
        return self.payment["currency"] in _SIGNS and self.left > 1

    @property
    def api_says(self) -> str:
        """The payment as JSON, without members that are only for the merchant's server."""
        shown = {name: value for name, value in self.payment.items() if name != "qr_text"}
        return _pretty(shown)

    @property
    def charge_says(self) -> str:
        """The Charge that the client SDK gets, as JSON; empty: there is none."""
        charge = self.payment.get("charge")
        return _pretty(charge) if charge else ""


def order(payment: Object, language: str) -> Order:
    currency, channel = payment.get("currency") or "cny", payment.get("channel") or ""
    way = goods.WAYS.get(channel)
    refundable, left = _refundable(payment)
    refunded = payment.get("amount_refunded") or 0
    return Order(
        payment={**payment, "currency": currency, "channel": channel},
        good=goods.good_of(payment["order_no"]),
        kind=way.kind if way else None,
        step=_step(payment, way.kind if way else None),
        amount=money(payment.get("amount") or 0, currency, language),
        refunded=money(refunded, currency, language) if refunded else "",
        created=_moment(payment.get("created_at")),
        paid=_moment(payment.get("paid_at")),
        expires=_moment(payment.get("expires_at")),
        charges=[(one, money(one["amount"], one["currency"], language)) for one in payment["charges"]],
        refunds=[(one, money(one["amount"], currency, language)) for one in payment["refunds"]],
        to_play=next((c["id"] for c in reversed(payment["charges"]) if c["status"] == "pending"), ""),
        refundable=refundable,
        left=left,
        left_text=money(left, currency, language),
    )


def money(amount: int, currency: str, language: str) -> str:
    """An amount in minor currency units as text, written as on the checkout."""
    sign = (_SIGNS if language == "en" else _SIGNS_AT_HOME).get(currency)
    return views.money(amount, currency) if sign is None else f"{sign}{amount // 100:,}.{amount % 100:02d}"


def typed_amount(text: str) -> int | None:
    """An amount that was typed, in minor currency units: `12.5` is 1250. Full-width digits work too. None: no amount."""
    found = re.fullmatch(r"([0-9]{1,9})(?:\.([0-9]{1,2}))?", unicodedata.normalize("NFKC", text).strip())
    if found is None:
        return None
    return int(found[1]) * 100 + int((found[2] or "").ljust(2, "0")) or None


def refund_extra(charge: Object, amount: int) -> Object:
    """The `extra` of a refund. Ping++ docs: `rate` and `refund_amount`, only on cb_alipay_qr and cb_alipay_scan."""
    if not charge["channel"].startswith("cb_alipay_"):
        return {}
    rate = str((charge.get("extra") or {}).get("rate") or "1")
    try:
        refund_amount = max(1, round(amount * float(rate)))
    except (ValueError, OverflowError):
        rate, refund_amount = "1", amount
    return {"extra": {"rate": rate, "refund_amount": refund_amount}}


def has_address(order_no: str) -> bool:
    return _ADDRESS.fullmatch(order_no) is not None


def _step(payment: Object, kind: Kind | None) -> Step:
    if payment["status"] not in {"creating", "pending"}:
        return "none"
    if payment.get("awaiting_customer"):
        return "password"
    if payment.get("charge"):
        return "client"
    return "scan" if kind == "qr" and payment["status"] == "pending" else "unknown"


def _refundable(payment: Object) -> tuple[Object | None, int]:
    for charge in payment["charges"]:
        taken = sum(
            one["amount"] or 0
            for one in payment["refunds"]
            if one["charge"] == charge["id"] and one["status"] != "failed"
        )
        if charge["status"] == "paid" and charge["amount"] > taken:
            return charge, charge["amount"] - taken
    return None, 0


def _moment(text: str | None) -> str:
    return views.moment(dt.datetime.fromisoformat(text).timestamp()) if text else ""


def _pretty(content: Any) -> str:
    return msgspec.json.format(msgspec.json.encode(content), indent=2).decode()
