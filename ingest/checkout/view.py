"""What a shopper may know of a payment, and what the page asks the shopper to do: values in, values out.

Ids of Ping++, credentials, transaction numbers, metadata and data of the payer are left out.
"""

import math
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any, Literal

from payments.books.attempts import reversal_due
from payments.books.payment import Charge, Payment, Registration
from payments.channels.table import find
from payments.times import rfc3339

# The first four ask the shopper to do something:
# scan the QR · show a code to the cashier · go on in the shop's own page · pay as the shop says.
# The others: the charge is being made · the payment is being checked · the time is over, the result not yet sure ·
# the shop ended it, the result not yet sure · ended.
Step = Literal["scan", "show_code", "open", "wait", "creating", "checking", "over", "closing", "ended"]
ASKS: tuple[Step, ...] = ("scan", "show_code", "open", "wait")

_WALLETS = {"alipay": "alipay", "wx": "wechat", "upacp": "unionpay", "ccb": "ccb"}
_ISV_WALLETS = {"alipay": "alipay", "wx": "wechat", "bfb": "baidu"}  # by `extra.pay_channel`


@dataclass(frozen=True, slots=True)
class View:
    """A payment as the shopper sees it."""

    order_no: str
    subject: str
    livemode: bool
    return_url: str | None
    #: the payment's status, but `expired` if time closed it, and `closed` as soon as the shop ends the checkout
    status: str
    #: the page waits for no further change
    final: bool
    step: Step
    wallet: str
    #: in minor currency units, like `amount_refunded`
    amount: int
    amount_refunded: int
    currency: str
    #: Unix seconds
    paid_time: int | None
    #: Unix seconds at which the code on the page stops working; None: there is no code
    expires: int | None
    late: bool
    qr_text: str | None

    def seconds_left(self, now: float) -> int | None:
        """Seconds from `now` (Unix seconds) until the code on the page stops working; None: there is no code."""
        return None if self.expires is None else max(0, math.ceil(self.expires - now))

    @property
    def version(self) -> str:
        """A digest that changes whenever the page looks different. It depends on the QR text, but does not reveal it."""
        return blake2b(repr(self).encode("utf-8", "surrogatepass"), digest_size=9).hexdigest()

    def status_json(self, now: float) -> dict[str, Any]:
        """The state as the page polls it and gets it by the stream."""
        return {
            "status": self.status,
            "final": self.final,
            "amount": self.amount,
            "amount_refunded": self.amount_refunded,
            "currency": self.currency,
            "paid_at": rfc3339(self.paid_time),
            "expires_at": rfc3339(self.expires),
            "seconds_left": self.seconds_left(now),
            "version": self.version,
        }


def look(payment: Payment, asked_for: Registration, now: float) -> View:
    """A payment as the shopper sees it at `now` (Unix seconds)."""
    charge = payment.to_show
    expires = _expires(payment, charge) if charge else None
    step = _step(payment, asked_for, charge, over=expires is not None and expires <= now)
    channel, extra = _way_to_pay(payment, charge)
    paid = [one for one in payment.charges if one.paid]
    shown = payment.shown
    return View(
        order_no=payment.order_no,
        subject=asked_for.subject,
        livemode=asked_for.livemode,
        return_url=asked_for.return_url,
        status=_status(payment, step),
        final=step == "ended",
        step=step,
        wallet=_wallet(channel, extra),
        amount=asked_for.amount,
        amount_refunded=sum(one.amount - payment.kept(one) for one in paid),
        currency=asked_for.currency,
        paid_time=shown.time_paid if shown else None,
        expires=expires if step in ASKS else None,
        late=payment.late,
        qr_text=charge.qr_text if charge and step == "scan" else None,
    )


def _step(payment: Payment, asked_for: Registration, charge: Charge | None, *, over: bool) -> Step:
    if payment.status not in ("pending", "creating"):
        return "ended"
    if asked_for.closed_ms is not None:
        return "closing"
    if charge is None:
        if any(payment.reversing(one.id) for one in payment.charges):
            return "checking"
        newest = payment.attempts[-1] if payment.attempts else None
        # At the till the create may last as long as the customer types a password.
        at_the_till = newest and newest.open and newest.channel.endswith("_scan")
        return "show_code" if at_the_till else "creating"
    if over:
        return "over"
    if charge.qr_text:
        return "scan"
    if charge.for_client:
        return "open"
    return "show_code" if charge.channel.endswith("_scan") else "wait"


def _status(payment: Payment, step: Step) -> str:
    status = payment.status
    if step == "closing":
        return "closed"
    last = payment.shown
    if status != "closed" or last is None:
        return status
    ended_by_shop = payment.registration is not None and payment.registration.closed_ms is not None
    timed_out = last.expired or find(last.channel).watch.reverse_after is not None
    return "expired" if timed_out and not ended_by_shop else "closed"


def _expires(payment: Payment, charge: Charge) -> int | None:
    """When the code stops working (Unix seconds): at `time_expire` or at our reversal, the earlier of the two."""
    reversal_ms = reversal_due(payment, charge)
    tried_ms = [one.at_ms for one in payment.reversals if one.charge == charge.id]
    if reversal_ms is not None and tried_ms:  # a refused reversal is tried again; the code stays hidden
        reversal_ms = min(reversal_ms, *tried_ms)
    times = (charge.time_expire, None if reversal_ms is None else reversal_ms // 1000)
    return min((one for one in times if one is not None), default=None)


def _way_to_pay(payment: Payment, charge: Charge | None) -> tuple[str, dict[str, Any]]:
    shown = charge or payment.shown
    if shown:
        return shown.channel, shown.extra
    return (payment.attempts[-1].channel if payment.attempts else ""), {}


def _wallet(channel: str, extra: dict[str, Any]) -> str:
    """The wallet to pay with; empty: it is not known."""
    first, _, rest = channel.removeprefix("cb_").partition("_")
    if first == "isv":
        named = extra.get("pay_channel")
        return _ISV_WALLETS.get(named, "") if isinstance(named, str) else ""
    return _WALLETS.get(first, "") if rest else ""
