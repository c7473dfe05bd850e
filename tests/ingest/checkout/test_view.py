"""What a shopper may know of a payment, and what the page asks of them."""

from typing import Any

import pytest
from msgspec.structs import replace

from ingest.checkout.view import View, look
from payments.books.payment import Attempt, Charge, Failure, Payment, Refund, Registration, Reversal
from tests.ingest.checkout.kit import Books, Door


def test_the_countdown_ends_when_the_code_is_given_up_not_when_ping_lets_it_expire(
    books: Books, door: Door
) -> None:
    for channel, least, most in (("wx_pub_qr", 7190, 7200), ("isv_qr", 50, 60), ("isv_wap", 50, 60)):
        number = len(books.charges) + 1
        assert least < door.get(f"{books.open(number, channel)}/status").json()["seconds_left"] <= most


def test_a_code_that_could_not_be_given_up_is_not_shown_again(books: Books, door: Door) -> None:
    token = books.open(channel="isv_qr")
    books.age()
    books.reversing()
    books.not_reversed()
    polled, drawn = door.call(("GET", f"{token}/status"), ("GET", f"{token}/qr.svg"))
    assert (polled.json()["status"], polled.json()["seconds_left"], drawn.status_code) == (
        "pending",
        None,
        404,
    )


def test_the_version_changes_with_the_code_alone(books: Books, door: Door) -> None:
    token = books.open(channel="upacp_qr")
    first = door.get(f"{token}/status").json()
    books.age(seconds=1)  # written anew, and looks the same
    assert door.get(f"{token}/status").json()["version"] == first["version"]
    other = {"credential": {"upacp_qr": "https://qr.95516.com/other"}}
    expires = {"time_expire": books.charges[1]["time_expire"]}
    books.open(channel="upacp_qr", extra={"another": "request"}, attempt=2, charge=other | expires)
    second = door.get(f"{token}/status").json()
    assert second["version"] != first["version"]
    assert {**second, "version": "", "seconds_left": 0} == {**first, "version": "", "seconds_left": 0}


NOW, EXPIRES = 1_700_000_010, 1_700_007_200
ASKED_FOR = Registration(
    1234, "cny", livemode=True, subject="Tea", token="t", return_url="https://shop.example/"
)
NO = Failure("no", "a secret of the channel's")
MADE = Attempt("at_1", "o1", "alipay_qr", "d", 1_700_000_000_000, 1, charge="ch_1")


def charge(channel: str = "alipay_qr", **facts: Any) -> Charge:
    facts = {"created": 1, "livemode": True, "time_expire": EXPIRES, **facts}
    return Charge("ch_1", "o1", channel, 1234, "cny", **facts)


def payment(*charges: Charge, **more: Any) -> Payment:
    return Payment(
        1, "app_1", "o1", charges=charges, **{"registration": ASKED_FOR, "attempts": (MADE,), **more}
    )


def shown(books: Payment, now: float = NOW) -> View:
    assert books.registration
    return look(books, books.registration, now)


OPEN = payment(charge(qr_text="https://qr.alipay.com/x"))
UNDER_WAY = Attempt("at_1", "o1", "alipay_qr", "d", 1, 2)
ENDED = replace(ASKED_FOR, closed_ms=1)
STEPS: dict[str, tuple[Payment, str, str]] = {
    "its code": (OPEN, "scan", "pending"),
    "a page of its own": (payment(charge("isv_wap", for_client={"id": "ch_1"})), "open", "pending"),
    "at the till": (payment(charge("wx_pub_scan")), "show_code", "pending"),
    "no credential": (payment(charge()), "wait", "pending"),
    "being made": (payment(attempts=(UNDER_WAY,)), "creating", "creating"),
    "being made at the till": (payment(attempts=(replace(UNDER_WAY, channel="isv_scan"),)), "show_code", "creating"),
    "nothing yet": (payment(attempts=()), "creating", "pending"),
    "reversing": (payment(charge(), reversals=(Reversal("ch_1", 1, 2),)), "checking", "pending"),
    "time is up": (payment(charge(time_expire=NOW)), "over", "pending"),
    "ended by the shop": (payment(charge(), registration=ENDED), "closing", "closed"),
    "paid": (payment(charge(paid=True)), "ended", "paid"),
    "refused": (payment(attempts=(replace(UNDER_WAY, failure=NO),)), "ended", "failed"),
    "expired": (payment(charge(expired=True)), "ended", "expired"),
    "reversed": (payment(charge(reversed=True)), "ended", "closed"),
    "reversed at the till": (payment(charge("isv_scan", reversed=True)), "ended", "expired"),
    "ended, then expired": (payment(charge(expired=True), registration=ENDED), "ended", "closed"),
}  # fmt: skip


@pytest.mark.parametrize("state", STEPS)
def test_what_the_page_asks_and_how_it_says_that_it_ended(state: str) -> None:
    books, step, status = STEPS[state]
    seen = shown(books)
    assert (seen.step, seen.status, seen.final) == (step, status, step == "ended")


def test_a_code_stops_working_when_it_expires_or_is_reversed_whichever_comes_first() -> None:
    assert shown(OPEN).expires == EXPIRES
    assert shown(payment(charge(time_expire=None, qr_text="x"))).expires is None
    till = payment(charge("isv_qr", qr_text="x"))
    assert shown(till).expires == 1_700_000_060
    assert shown(till, 1_700_000_059.5).step == "scan"
    assert shown(till, 1_700_000_060).step == "over"
    refused = Reversal("ch_1", 1_700_000_050_000, 1, ended=True, failure=NO)
    assert shown(replace(till, reversals=(refused,)), 1_700_000_051).step == "over"
    assert shown(payment(charge(paid=True))).expires is None


def test_the_seconds_that_are_left_are_rounded_up_and_never_below_nothing() -> None:
    seen = shown(OPEN)
    assert [seen.seconds_left(EXPIRES - n) for n in (60, 0.1, 0, -5)] == [60, 1, 0, 0]
    assert shown(payment(charge(paid=True))).seconds_left(NOW) is None


def test_what_is_polled_names_nothing_of_pingpps() -> None:
    back = (Refund("re_1", "ch_1", 400, succeeded=True),)
    seen = shown(payment(charge(paid=True, time_paid=1_700_000_060), refunds=back))
    assert seen.status_json(NOW) == {
        "status": "partially_refunded",
        "final": True,
        "amount": 1234,
        "amount_refunded": 400,
        "currency": "cny",
        "paid_at": "2023-11-14T22:14:20Z",
        "expires_at": None,
        "seconds_left": None,
        "version": seen.version,
    }
    assert shown(payment(charge(paid=True, reversed=True))).amount_refunded == 1234


def test_the_code_changes_the_version_and_cannot_be_read_from_it() -> None:
    other = shown(payment(charge(qr_text="https://qr.alipay.com/y")))
    assert shown(OPEN).version != other.version
    assert "alipay" not in shown(OPEN).version
    assert shown(OPEN, NOW + 1).version == shown(OPEN).version
    assert shown(payment(charge(qr_text="\ud800"))).version


@pytest.mark.parametrize(
    ("channel", "extra", "wallet"),
    [
        ("alipay_qr", {}, "alipay"),
        ("cb_wx_pub_qr", {}, "wechat"),
        ("upacp_scan", {}, "unionpay"),
        ("ccb_qr", {}, "ccb"),
        ("isv_qr", {"pay_channel": "wx"}, "wechat"),
        ("isv_qr", {"pay_channel": "bfb"}, "baidu"),
        ("isv_qr", {"pay_channel": ["wx"]}, ""),
        ("isv_qr", {}, ""),
        ("alipay", {}, ""),
        ("new_pay", {}, ""),
    ],
)
def test_the_app_to_pay_with(channel: str, extra: dict[str, Any], wallet: str) -> None:
    assert shown(payment(charge(channel, extra=extra))).wallet == wallet


def test_before_there_is_a_charge_the_attempt_names_the_app() -> None:
    assert shown(payment(attempts=(UNDER_WAY,))).wallet == "alipay"
    assert shown(payment(attempts=())).wallet == ""
