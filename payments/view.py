"""A payment as others see it: in the merchant API, in fulfilment messages, in the CLI.

Our own times end in `_at` and are RFC 3339 in UTC; amounts are integers in the smallest unit.
"""

from datetime import date, timedelta
from functools import lru_cache
from typing import Any

from payments.payment import Charge, Payment, Refund


def payment_json(payment: Payment) -> dict[str, Any]:
    """Safe for the merchant's server; holds no credential and no scan code."""
    shown = payment.shown
    first = payment.charge(payment.first_paid) if payment.first_paid else None
    return {
        "order_no": payment.order_no,
        "app": payment.app,
        "status": payment.status,
        "amount": shown.amount,
        "amount_refunded": sum(payment.refunded(charge) for charge in payment.charges),
        "currency": shown.currency,
        "channel": shown.channel,
        "livemode": shown.livemode,
        "created_at": rfc3339_ms(payment.created_ms),
        "paid_at": rfc3339((first or shown).time_paid),
        "expires_at": rfc3339(shown.time_expire),
        "charges": [_charge(charge) for charge in payment.charges],
        "refunds": [_refund(refund) for refund in payment.refunds],
    }


def charge_status(charge: Charge) -> str:
    """`paid`, `reversed`, `expired` or `pending`; `reversed` wins over `paid`: the money is gone again."""
    if charge.reversed:
        return "reversed"
    return "paid" if charge.paid else "expired" if charge.expired else "pending"


def _charge(charge: Charge) -> dict[str, Any]:
    return {
        "id": charge.id,
        "channel": charge.channel,
        "status": charge_status(charge),
        "amount": charge.amount,
        "currency": charge.currency,
        "order_no": charge.order_no,
        "time_paid": charge.time_paid,
        "transaction_no": charge.transaction_no,
        "amount_refunded": charge.amount_refunded,
        "amount_settle": charge.amount_settle,
        "extra": charge.extra,
    }


def _refund(refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "charge": refund.charge,
        "amount": refund.amount,
        "status": refund.status,
        "failure_code": refund.failure_code,
        "failure_msg": refund.failure_msg,
    }


def rfc3339(seconds: int | None) -> str | None:
    """Unix seconds as RFC 3339 in UTC; null stays null, and so does what no calendar holds."""
    if seconds is None:
        return None
    days, rest = divmod(seconds, 86_400)
    day = _day(days)
    return day and f"{day}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


@lru_cache(maxsize=64)  # each message has four times, nearly all of these of a few days
def _day(days: int) -> str | None:
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return None


def rfc3339_ms(milliseconds: int) -> str | None:
    """The same from milliseconds."""
    return rfc3339(milliseconds // 1000)
