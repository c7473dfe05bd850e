"""A payment as others see it: which members, and what is kept from whom."""

from typing import Any

import pytest
from msgspec.structs import replace

from payments.books.fold import fold
from payments.books.payment import (
    Attempt,
    Charge,
    Failure,
    Payment,
    Refund,
    RefundAttempt,
    Registration,
    Reversal,
)
from payments.books.view import charge_status, merchant_json, payment_json, without_the_buyer
from payments.pingpp.sighting import of_charge
from tests.conftest import charge_object, unpaid

APP, ORDER, ID = "app_1Gqj58ynP0mHeX1q", "order00000001", charge_object()["id"]
EMPTY = Payment(1, APP, ORDER, created_ms=1_700_000_000_500)
REGISTERED = replace(EMPTY, registration=Registration(100, "cny", livemode=True, token="t0k3n"))
REFUSED = Failure("channel_refused", "not today")


def seen(charge: dict[str, Any], payment: Payment = EMPTY) -> Payment:
    return fold(payment, of_charge(charge, "webhook", 1)).payment


def attempt(number: int = 1, **more: Any) -> Attempt:
    return Attempt(f"at_{number}", ORDER, "wx_pub_qr", "d", 1, 2, **more)


def asked(number: int, **more: Any) -> RefundAttempt:
    return RefundAttempt(f"rt_{number}", ID, 10, 1, 2, **more)


def test_a_payment_has_these_members() -> None:
    charge = charge_object(amount_settle=99, amount_refunded=40)
    back = (Refund("re_1", ID, 40, succeeded=True), Refund("re_2", ID, 10, failed=True, failure_code="no"))
    paid = replace(seen(charge), refunds=back, refund_attempts=(asked(1, key="R1", refund="re_1"),))
    assert payment_json(paid) == {
        "order_no": ORDER,
        "app": APP,
        "status": "partially_refunded",
        "amount": 100,
        "amount_refunded": 40,
        "currency": "cny",
        "channel": "alipay_qr",
        "livemode": True,
        "created_at": "2023-11-14T22:13:20Z",
        "paid_at": "2023-11-14T22:14:20Z",
        "expires_at": "2023-11-15T22:13:20Z",
        "charges": [
            {
                "id": ID,
                "channel": "alipay_qr",
                "status": "paid",
                "amount": 100,
                "currency": "cny",
                "order_no": ORDER,
                "time_paid": 1_700_000_060,
                "transaction_no": f"20160323{1:012d}",
                "amount_refunded": 40,
                "amount_settle": 99,
                "extra": {"buyer_account": "xin***@126.com"},
            }
        ],
        "refunds": [
            {
                "id": "re_1",
                "charge": ID,
                "idempotency_key": "R1",
                "amount": 40,
                "status": "succeeded",
                "failure_code": None,
                "failure_msg": None,
            },
            {
                "id": "re_2",
                "charge": ID,
                "idempotency_key": None,
                "amount": 10,
                "status": "failed",
                "failure_code": "no",
                "failure_msg": None,
            },
        ],
    }


def test_before_any_charge_the_price_is_that_of_the_registration_and_the_channel_that_of_the_attempt() -> (
    None
):
    view = payment_json(replace(REGISTERED, attempts=(attempt(),)))
    assert [view[one] for one in ("status", "amount", "currency", "channel", "livemode")] == [
        "creating", 100, "cny", "wx_pub_qr", True
    ]  # fmt: skip
    assert [view[one] for one in ("paid_at", "expires_at", "charges", "refunds")] == [None, None, [], []]
    bare = payment_json(EMPTY)
    assert [bare[one] for one in ("amount", "currency", "channel", "livemode")] == [None] * 4


def test_a_refund_without_an_object_is_told_unless_it_surely_never_reached_pingpp() -> None:
    attempts = (asked(1, key="R1"), asked(2, failure=REFUSED), asked(3, failure=REFUSED, not_reached=True))
    view = payment_json(replace(seen(charge_object()), refund_attempts=attempts))
    told = [
        (one["id"], one["idempotency_key"], one["status"], one["failure_code"]) for one in view["refunds"]
    ]
    assert told == [(None, "R1", "pending", None), (None, None, "failed", "channel_refused")]


def test_the_failure_of_the_last_attempt_is_told_while_nothing_is_open_or_paid() -> None:
    failed = replace(REGISTERED, attempts=(attempt(), attempt(2, failure=REFUSED)))
    assert payment_json(failed)["failure"] == {"code": "channel_refused", "message": "not today"}
    assert "failure" not in payment_json(seen(unpaid(), failed))
    assert "failure" not in payment_json(seen(charge_object(), failed))
    assert "failure" not in payment_json(REGISTERED)


def test_a_customer_is_awaited_at_the_till_alone() -> None:
    assert payment_json(seen(unpaid(channel="isv_scan")))["awaiting_customer"] is True
    for charge in (unpaid(), charge_object(channel="isv_scan")):
        assert "awaiting_customer" not in payment_json(seen(charge))


def test_what_a_payer_is_shown_is_for_the_merchants_server_alone() -> None:
    code = unpaid(credential={"object": "credential", "alipay_qr": "https://qr.alipay.com/x"})
    view = merchant_json(seen(code, REGISTERED), "https://pay.example")
    assert view["checkout_url"] == "https://pay.example/checkout/t0k3n"
    assert view["qr_text"] == "https://qr.alipay.com/x"
    assert "charge" not in view
    assert "qr.alipay.com" not in str(payment_json(seen(code, REGISTERED)))


def test_and_the_whole_charge_where_a_client_needs_it() -> None:
    page = unpaid(channel="isv_wap", credential={"isv_wap": "https://api.shou.money/x"})
    view = merchant_json(seen(page, REGISTERED), "https://pay.example")
    assert view["charge"] == page
    assert "qr_text" not in view
    assert (
        merchant_json(seen(charge_object(), REGISTERED), "https://p").keys() & {"qr_text", "charge"} == set()
    )
    assert "checkout_url" not in merchant_json(seen(page), "https://pay.example")


@pytest.mark.parametrize(
    ("facts", "status"),
    [
        ({}, "pending"),
        ({"expired": True}, "expired"),
        ({"paid": True, "expired": True}, "paid"),
        ({"reversed": True}, "reversed"),
        ({"paid": True, "reversed": True}, "reversed"),
    ],
)
def test_the_status_of_a_charge(facts: dict[str, Any], status: str) -> None:
    charge = Charge("ch_1", ORDER, "alipay_qr", 100, "cny", livemode=True, created=1, **facts)
    assert charge_status(charge) == status


def test_what_is_being_reversed_is_not_shown_to_a_payer() -> None:
    code = unpaid(credential={"alipay_qr": "https://qr.alipay.com/x"})
    under_way = replace(seen(code, REGISTERED), reversals=(Reversal(ID, 1, 2),))
    assert "qr_text" not in merchant_json(under_way, "https://pay.example")


def test_who_the_buyer_is_can_be_withheld() -> None:
    charge: dict[str, Any] = {
        "id": ID,
        "extra": {"buyer_account": "xin***@126.com", "open_id": "o1", "bank_type": "CFT", "new": 1},
    }
    assert without_the_buyer(charge) == {
        "id": ID,
        "extra": {
            "buyer_account": "(withheld)",
            "open_id": "(withheld)",
            "bank_type": "CFT",
            "new": "(withheld)",
        },
    }
    assert charge["extra"]["open_id"] == "o1"
