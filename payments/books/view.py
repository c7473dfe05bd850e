"""The view of a payment that goes outside: in the merchant API, in fulfilment messages, in the CLI.

Our own times end in `_at` and are RFC 3339 in UTC; amounts are integers in minor currency units. (What goes
outside of an event is `payments/inbox/seen.py`, of a dead letter and a report each `shown.py`.)
"""

from typing import Any, Literal

from payments.books.payment import Charge, Payment, Refund
from payments.times import rfc3339, rfc3339_ms

ChargeStatus = Literal["paid", "reversed", "expired", "pending"]


def payment_json(payment: Payment) -> dict[str, Any]:
    """A payment for any reader: it holds no credential and no scan code."""
    shown, asked_for, newest = payment.shown, payment.registration, payment.attempts[-1:]
    first = payment.charge(payment.first_paid) if payment.first_paid else None
    priced = shown or asked_for
    seen: dict[str, Any] = {
        "order_no": payment.order_no,
        "app": payment.app,
        "status": payment.status,
        "amount": priced and priced.amount,
        "amount_refunded": sum(payment.refunded(charge) for charge in payment.charges),
        "currency": priced and priced.currency,
        "channel": shown.channel if shown else newest[0].channel if newest else None,
        "livemode": priced and priced.livemode,
        "created_at": rfc3339_ms(payment.created_ms),
        "paid_at": rfc3339((first or shown).time_paid) if shown else None,
        "expires_at": rfc3339(shown.time_expire) if shown else None,
        "charges": [_charge(charge) for charge in payment.charges],
        "refunds": [_refund(payment, refund) for refund in payment.refunds]
        + _refunds_without_object(payment),
    }
    if newest and newest[0].failure and not any(charge.open or charge.paid for charge in payment.charges):
        seen["failure"] = {"code": newest[0].failure.code, "message": newest[0].failure.message}
    if any(charge.open and charge.channel.endswith("_scan") for charge in payment.charges):
        seen["awaiting_customer"] = True
    return seen


def merchant_json(payment: Payment, public_url: str) -> dict[str, Any]:
    """A payment for the merchant's own server: with the checkout's address, and what the payer has to be
    shown.
    """
    seen = payment_json(payment)
    if payment.registration and payment.registration.token:
        seen["checkout_url"] = f"{public_url}/checkout/{payment.registration.token}"
    payable = payment.to_show
    if payable and payable.qr_text:
        seen["qr_text"] = payable.qr_text
    if payable and payable.for_client:
        seen["charge"] = payable.for_client
    return seen


def charge_status(charge: Charge) -> ChargeStatus:
    """The status of one charge. `reversed` wins over `paid`: the money went back."""
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


def _refund(payment: Payment, refund: Refund) -> dict[str, Any]:
    return {
        "id": refund.id,
        "charge": refund.charge,
        "idempotency_key": next(
            (a.key for a in payment.refund_attempts if a.refund == refund.id and a.key), None
        ),
        "amount": refund.amount,
        "status": refund.status,
        "failure_code": refund.failure_code,
        "failure_msg": refund.failure_msg,
    }


def _refunds_without_object(payment: Payment) -> list[dict[str, Any]]:
    """Attempts to refund without a refund object: their outcome is unknown, or Ping++ refused them."""
    return [
        {
            "id": None,
            "charge": one.charge,
            "idempotency_key": one.key or None,
            "amount": one.amount,
            "status": "failed" if one.failure else "pending",
            "failure_code": one.failure.code if one.failure else None,
            "failure_msg": one.failure.message if one.failure else None,
        }
        for one in payment.refund_attempts
        if one.refund is None and not one.not_reached
    ]


# What Ping++ puts into a charge's `extra` about goods, shop and price. All else may name the buyer.
_NOT_THE_BUYERS = {
    "bank_type", "cash_fee", "cash_fee_type", "channel_discount", "is_subscribe", "limit_pay", "merchant_discount",
    "pay_channel", "pos_id", "price", "product_id", "quantity", "rate", "result_url", "return_type", "show_url",
    "success_url", "terminal_id",
}  # fmt: skip


def without_the_buyer(charge: dict[str, Any]) -> dict[str, Any]:
    """A charge of `payment_json` in which all that may name the buyer is withheld."""
    extra = {
        name: value if name in _NOT_THE_BUYERS else "(withheld)" for name, value in charge["extra"].items()
    }
    return charge | {"extra": extra}
