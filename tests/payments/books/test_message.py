"""What stands on the fulfilment stream, whole: one message of each type, as others rely on it (docs/fulfilment.md).

The samples are tests/samples/messages/; how one is changed on purpose says tests/sampled.py.
"""

import json
import re
from collections.abc import Callable
from typing import Any

from payments.books import attempts, message
from payments.books.document import SCHEMA
from payments.books.fold import EXPIRY_GRACE, Folded, fold, oddity
from payments.books.payment import Attempt, Failure, Payment, RefundAttempt, Registration
from payments.pingpp.event import decode
from payments.pingpp.sighting import of_charge, of_refund
from tests.conftest import charge_object, event_body, refund_object, refunds_of, unpaid
from tests.modules import ROOT
from tests.sampled import are_samples, samples

APP, ORDER = "app_1Gqj58ynP0mHeX1q", "order00000001"
CREATED, PAID, EXPIRES, REFUNDED = (
    1_700_000_000,
    1_700_000_060,
    1_700_086_400,
    1_700_000_160,
)  # as in conftest
ATTEMPT = "at_5b8c1e0f7a3d2b6c9e4f1a0d"
REFUND_ATTEMPT = "rt_0d1a4f9e6c2b3d7a0f8b5c1e"


class Books:
    """The books of one payment; `told` is what was published of it, in order."""

    def __init__(self, **more: Any) -> None:
        self.payment = Payment(SCHEMA, APP, ORDER, created_ms=CREATED * 1000 + 250, **more)
        self.told: list[bytes] = []

    def charge(self, charge: dict[str, Any], source: str = "webhook", at: int = PAID + 2) -> "Books":
        return self._see(of_charge(charge, source, at * 1000))

    def refund(self, refund: dict[str, Any]) -> "Books":
        return self._see(of_refund(refund, "webhook", (REFUNDED + 2) * 1000))

    def _see(self, sighting: Any) -> "Books":
        assert oddity(self.payment, sighting) is None
        folded = fold(self.payment, sighting)
        self.payment = folded.payment
        self.told += message.of_fold(folded, sighting)
        return self

    def decide(self, decision: Callable[[Payment], Folded], at: int) -> "Books":
        folded = decision(self.payment)
        self.payment = folded.payment
        self.told += message.of_attempt(folded, at * 1000)
        return self


def asked_for(**more: Any) -> Books:
    """A payment that was asked for through the merchant API, with an attempt to create its charge."""
    registration = Registration(100, "cny", livemode=True, subject="Your Subject 简米", token="t")
    begun = Attempt(ATTEMPT, ORDER, "alipay_qr", "digest", CREATED * 1000, CREATED * 1000 + 30_000)
    return Books(registration=registration, attempts=(begun,), reopened=True, **more)


def paid() -> Books:
    metadata = {"pingpp_ingest_order": ORDER, "pingpp_ingest_attempt": ATTEMPT, "cup": "blue"}
    made = asked_for().charge(unpaid(metadata=metadata), "reply", CREATED)
    return made.charge(charge_object(metadata=metadata))


def paid_late() -> Books:
    return closed().charge(charge_object(time_paid=EXPIRES + 30), at=EXPIRES + 600)


def paid_again() -> Books:
    return paid().charge(charge_object(2, order_no=ORDER, channel="wx_pub_qr", time_paid=PAID + 30))


def refunded_by_refund() -> Books:
    return paid().refund(refund_object())


def refunded_by_reversal() -> Books:
    given_back = charge_object(reversed=True, refunded=True, amount_refunded=100)
    return paid().charge(given_back, "retrieve", REFUNDED)


def refund_failed() -> Books:
    gone: dict[str, Any] = {
        "failure_code": "refund_refused",
        "failure_msg": "The balance is too low.",
        "time_succeed": None,
    }
    return paid().refund(refund_object(status="failed", succeed=False, **gone))


def refund_failed_without_refund() -> Books:
    books = paid()
    charge, at_ms = books.payment.charges[0].id, (REFUNDED - 60) * 1000
    reserved = RefundAttempt(REFUND_ATTEMPT, charge, 40, at_ms, at_ms + 30_000, key="r1", digest="digest")
    books.payment = attempts.begin_refund(books.payment, reserved)
    refused = Failure("charge_refund_not_allowed", "The channel allows no refund any more.")
    at = REFUNDED - 58
    return books.decide(lambda one: attempts.end_refund(one, REFUND_ATTEMPT, refused, at * 1000), at)


def closed() -> Books:
    return Books().charge(unpaid(), at=CREATED).charge(unpaid(), "retrieve", EXPIRES + EXPIRY_GRACE + 5)


def failed() -> Books:
    refused, at = Failure("channel_request_error", "The channel is closed for this app."), CREATED + 1
    return asked_for().decide(lambda one: attempts.end(one, ATTEMPT, refused, at * 1000), at)


def passed_through() -> Books:
    summary = {
        "object": "app_daily_summary", "app": APP, "acct_display_name": "Tea House", "app_display_name": "Till",
        "summary_from": 1_699_891_200, "summary_to": 1_699_977_600, "charges_amount": 25_800, "charges_count": 91,
    }  # fmt: skip
    body = event_body(summary, "summary.daily.available", 7, created=1_700_006_400)
    books = Books()
    books.told.append(message.of_event(decode(body), 1_700_006_401_000))
    return books


TOLD = (
    paid, paid_late, paid_again, refunded_by_refund, refunded_by_reversal, refund_failed,
    refund_failed_without_refund, closed, failed, passed_through,
)  # fmt: skip


def test_the_messages_are_their_samples() -> None:
    are_samples("messages", {story.__name__: json.loads(story().told[-1]) for story in TOLD})


def test_each_type_that_is_documented_has_a_sample() -> None:
    text = (ROOT / "docs" / "fulfilment.md").read_text(encoding="utf-8")
    documented = set(re.findall(r"^\| `(pingpp\.[a-z._]+)", text, re.MULTILINE))
    kinds = {one["type"] for one in samples("messages").values()}
    assert {"pingpp.event." if kind.startswith("pingpp.event.") else kind for kind in kinds} == documented


def test_neither_the_credential_nor_the_code_that_was_scanned_travels() -> None:
    charge = charge_object(credential={"x": "secret"}, extra={"scan_code": "secret", "terminal_id": "T1"})
    assert "secret" not in str(Books().charge(charge).told)
    travels = message.as_it_came(charge)
    assert travels == {
        **{k: v for k, v in charge.items() if k != "credential"},
        "extra": {"terminal_id": "T1"},
    }
    assert charge["extra"]["scan_code"] == "secret", "what came is not touched"


def test_a_refund_that_its_charge_lists_travels_as_it_is_listed() -> None:
    listed = [refund_object(2, amount=10), refund_object()]
    books = paid().charge(charge_object(refunded=True, amount_refunded=50, refunds=refunds_of(*listed)))
    told = [json.loads(one)["data"]["refund"] for one in books.told[-2:]]
    assert told == listed
