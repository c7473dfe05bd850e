"""What follows from a sighting: the cases, one by one."""

from typing import Any

import pytest
from msgspec.structs import replace

from payments.books.document import SCHEMA
from payments.books.fold import EXPIRY_GRACE, Folded, excess_of, fold, oddity, without_old_news
from payments.books.payment import Payment, Reversal
from payments.pingpp.sighting import Sighting, of_charge, of_refund
from tests.conftest import charge_object, refund_object, refunds_of, unpaid

APP = "app_1Gqj58ynP0mHeX1q"
AT = 1_700_000_070_000
AFTER_EXPIRY = (1_700_086_400 + EXPIRY_GRACE) * 1000


def empty(order_no: str = "order00000001") -> Payment:
    return Payment(SCHEMA, APP, order_no, created_ms=AT)


def seen(charge: dict[str, Any], source: str = "webhook", at_ms: int = AT) -> Sighting:
    return of_charge(charge, source, at_ms)


def refund_seen(refund: dict[str, Any]) -> Sighting:
    return of_refund(refund, "webhook", AT)


def after(*sightings: Sighting, order_no: str = "order00000001") -> tuple[Payment, list[str]]:
    """The payment after sightings in order, and the ids of all messages."""
    payment, ids = empty(order_no), []
    for sighting in sightings:
        assert oddity(payment, sighting) is None
        folded = fold(payment, sighting)
        payment = folded.payment
        ids += [message.id for message in folded.messages]
    return payment, ids


def test_the_first_paid_charge_is_paid() -> None:
    payment, ids = after(seen(charge_object()))
    assert ids == ["paid:order00000001"]
    assert (payment.status, payment.first_paid, payment.sequence) == ("paid", charge_object()["id"], 1)


def test_no_new_fact_is_the_same_payment_and_no_message() -> None:
    payment, _ = after(seen(charge_object()))
    again = fold(payment, seen(charge_object(), "retrieve", AT + 5000))
    assert again == Folded(payment)
    assert again.payment is payment


def test_a_later_unpaid_look_takes_nothing_back() -> None:
    payment, ids = after(seen(charge_object()), seen(unpaid()))
    assert (payment.status, ids) == ("paid", ["paid:order00000001"])


def test_a_transaction_number_that_comes_later_is_a_fact_without_a_message() -> None:
    payment, ids = after(seen(charge_object(transaction_no=None)), seen(charge_object()))
    assert payment.charges[0].transaction_no is not None
    assert ids == ["paid:order00000001"]


def test_a_second_paid_charge_is_paid_again_with_its_excess() -> None:
    second = charge_object(2, order_no="order00000001")
    folded = fold(after(seen(charge_object()))[0], seen(second))
    assert [(m.type, m.id, m.excess) for m in folded.messages] == [
        ("paid_again", f"paid_again:{second['id']}", 100)
    ]
    assert folded.payment.status == "paid"


@pytest.mark.parametrize(
    ("given_back", "excess"), [(refund_object(amount=100), 0), (refund_object(amount=40), 60)]
)
def test_what_of_the_first_was_given_back_is_no_excess(given_back: dict[str, Any], excess: int) -> None:
    first, _ = after(seen(charge_object()), refund_seen(given_back))
    folded = fold(first, seen(charge_object(2, order_no="order00000001")))
    assert folded.messages[0].excess == excess


def test_a_second_charge_in_another_currency_is_all_excess() -> None:
    first, _ = after(seen(charge_object()))
    folded = fold(first, seen(charge_object(2, order_no="order00000001", currency="usd", amount=70)))
    assert folded.messages[0].excess == 70


def test_paid_and_reversed_learnt_together_is_refunded_alone() -> None:
    payment, ids = after(seen(charge_object(reversed=True)))
    assert ids == [f"reversed:{charge_object()['id']}"]
    assert (payment.status, payment.first_paid) == ("refunded", None)


def test_after_it_the_next_paid_charge_is_still_the_first_to_deliver() -> None:
    _, ids = after(seen(charge_object(reversed=True)), seen(charge_object(2, order_no="order00000001")))
    assert ids[1] == "paid:order00000001"


def test_reversed_after_paid_is_refunded() -> None:
    payment, ids = after(seen(charge_object()), seen(charge_object(reversed=True)))
    assert ids == ["paid:order00000001", f"reversed:{charge_object()['id']}"]
    assert payment.status == "refunded"


def test_an_unpaid_charge_that_is_reversed_closes_and_a_payment_after_that_is_late() -> None:
    charge = charge_object()
    payment, ids = after(seen(unpaid()), seen(unpaid(reversed=True)))
    assert (payment.status, ids) == ("closed", [f"closed:{charge['id']}"])
    late = fold(payment, seen(charge_object(2, order_no="order00000001")))
    assert [m.id for m in late.messages] == [f"paid_late:{charge_object(2)['id']}"]


def test_it_closes_only_with_the_last_open_charge() -> None:
    other = unpaid(2, order_no="order00000001")
    payment, ids = after(seen(unpaid()), seen(other), seen(unpaid(reversed=True)))
    assert (payment.status, ids) == ("pending", [])
    folded = fold(payment, seen({**other, "reversed": True}))
    assert [m.id for m in folded.messages] == [f"closed:{other['id']}"]


@pytest.mark.parametrize(
    ("source", "at_ms", "expired"),
    [
        ("retrieve", AFTER_EXPIRY, True),
        ("list", AFTER_EXPIRY, True),
        ("retrieve", AFTER_EXPIRY - 1, False),
        ("webhook", AFTER_EXPIRY + 10**9, False),
    ],
)
def test_only_a_look_of_ours_begun_after_expiry_says_expired(source: str, at_ms: int, expired: bool) -> None:
    payment, ids = after(seen(unpaid(), source, at_ms))
    assert payment.charges[0].expired is expired
    assert bool(ids) is expired


def test_a_charge_paid_after_it_expired_is_late_and_paid() -> None:
    payment, ids = after(seen(unpaid(), "retrieve", AFTER_EXPIRY), seen(charge_object()))
    assert ids[1] == f"paid_late:{charge_object()['id']}"
    assert payment.status == "paid"


def test_refunds_are_told_once_each_and_add_up() -> None:
    pending = refund_object(status="pending", succeed=False, time_succeed=None)
    rest = refund_object(2, amount=60)
    payment, ids = after(seen(charge_object()), refund_seen(pending))
    assert (payment.status, ids[1:]) == ("paid", [])
    payment, ids = after(seen(charge_object()), refund_seen(pending), refund_seen(refund_object()))
    assert (payment.status, ids[1:]) == ("partially_refunded", [f"refunded:{refund_object()['id']}"])
    payment, ids = after(
        seen(charge_object()), refund_seen(rest), refund_seen(refund_object()), refund_seen(rest)
    )
    assert payment.status == "refunded"
    assert ids[1:] == [f"refunded:{rest['id']}", f"refunded:{refund_object()['id']}"]


def test_a_pending_refund_seen_late_takes_nothing_back() -> None:
    pending = refund_object(status="pending", succeed=False, time_succeed=None)
    payment, _ = after(seen(charge_object()), refund_seen(refund_object()), refund_seen(pending))
    assert payment.refunds[0].status == "succeeded"


def test_a_failed_refund_gives_nothing_back() -> None:
    failed = refund_object(status="failed", succeed=False, failure_code="refund_refused")
    payment, ids = after(seen(charge_object()), refund_seen(failed))
    assert (payment.status, ids[1:]) == ("paid", [f"refund_failed:{failed['id']}"])


def test_both_ends_ever_seen_both_stand_and_succeeded_counts() -> None:
    failed = refund_object(status="failed", succeed=False)
    payment, ids = after(seen(charge_object()), refund_seen(failed), refund_seen(refund_object()))
    assert payment.refunds[0].status == "succeeded"
    assert [one.partition(":")[0] for one in ids] == ["paid", "refund_failed", "refunded"]


def test_an_old_refund_object_without_status_counts_by_succeed() -> None:
    old = {name: value for name, value in refund_object().items() if name != "status"}
    assert after(seen(charge_object()), refund_seen(old))[0].refunds[0].status == "succeeded"


def test_a_charge_brings_the_refunds_that_it_lists() -> None:
    charge = charge_object(amount_refunded=40, refunds=refunds_of(refund_object()))
    payment, ids = after(seen(charge))
    assert ids == ["paid:order00000001", f"refunded:{refund_object()['id']}"]
    assert payment.status == "partially_refunded"


def test_more_refunded_than_is_known_is_asked_once_and_published_never() -> None:
    payment, _ = after(seen(charge_object()))
    folded = fold(payment, seen(charge_object(amount_refunded=40)))
    assert (folded.messages, folded.ask) == ((), True)
    assert not fold(folded.payment, seen(charge_object(amount_refunded=40))).ask
    explained = fold(payment, seen(charge_object(amount_refunded=40, refunds=refunds_of(refund_object()))))
    assert not explained.ask


def test_a_reversal_explains_what_was_refunded() -> None:
    payment, _ = after(seen(charge_object()))
    assert not fold(payment, seen(charge_object(amount_refunded=100, reversed=True))).ask


CONFLICTS: list[dict[str, Any]] = [
    {"amount": 101},
    {"currency": "usd"},
    {"channel": "wx_pub_qr"},
    {"livemode": False},
    {"order_no": "another"},
    {"app": "app_other"},
    {"time_paid": 1_700_000_061},
    {"transaction_no": "another"},
]


@pytest.mark.parametrize("change", CONFLICTS, ids=lambda change: next(iter(change)))
def test_what_contradicts_the_books_is_odd(change: dict[str, Any]) -> None:
    payment, _ = after(seen(charge_object()))
    assert oddity(payment, seen(charge_object(**change))) == "identity_conflict"


@pytest.mark.parametrize(
    "change", [{"amount_settle": 1}, {"extra": {"a": 1}}, {"subject": "x"}, {"time_expire": 1}]
)
def test_what_is_for_show_contradicts_nothing(change: dict[str, Any]) -> None:
    payment, _ = after(seen(charge_object()))
    again = seen(charge_object(**change))
    assert oddity(payment, again) is None
    assert fold(payment, again).payment is payment


def test_a_refund_of_what_was_not_seen_paid_is_odd() -> None:
    assert oddity(empty(), refund_seen(refund_object())) == "refund_of_unpaid_charge"
    payment, _ = after(seen(unpaid()))
    assert oddity(payment, refund_seen(refund_object())) == "refund_of_unpaid_charge"


def test_a_refund_that_changes_its_amount_is_odd() -> None:
    payment, _ = after(seen(charge_object()), refund_seen(refund_object()))
    assert oddity(payment, refund_seen(refund_object(amount=41))) == "refund_conflict"


def test_ids_are_ascii_and_of_bounded_length() -> None:
    for order_no in ("订单1", "a b/c", "x" * 256, "é" * 200):
        (id_,) = after(seen(charge_object(order_no=order_no)), order_no=order_no)[1]
        assert id_.isascii()
        assert len(id_) <= 128


def test_the_scan_code_is_not_kept() -> None:
    payment, _ = after(
        seen(charge_object(channel="isv_scan", extra={"scan_code": "1311", "terminal_id": "T1"}))
    )
    assert payment.charges[0].extra == {"terminal_id": "T1"}


def test_a_charge_that_is_first_seen_when_all_of_it_went_back_is_not_delivered() -> None:
    refund = refund_object(amount=100)
    whole = seen(charge_object(amount_refunded=100, refunds=refunds_of(refund)), "retrieve")
    payment, ids = after(whole)
    assert ids == [f"refunded:{refund['id']}"]
    assert payment.status == "refunded"
    # another charge of the order is one to deliver
    payment, ids = after(whole, seen(charge_object(2, order_no="order00000001")))
    assert ids == [f"refunded:{refund['id']}", "paid:order00000001"]
    # and if only a part went back, it is delivered
    part = refund_object(amount=99)
    _, ids = after(seen(charge_object(amount_refunded=99, refunds=refunds_of(part)), "retrieve"))
    assert ids == ["paid:order00000001", f"refunded:{part['id']}"]


def test_a_payment_seen_while_its_reversal_is_not_known_to_have_ended_is_asked_about() -> None:
    payment, _ = after(seen(unpaid()))
    under_way = replace(payment, reversals=(Reversal(charge_object()["id"], 1, 2),))
    assert oddity(under_way, seen(charge_object())) == "paid_while_reversing"
    assert oddity(under_way, seen(unpaid())) is None
    assert oddity(under_way, seen(charge_object(reversed=True))) is None


def test_a_charge_that_is_made_after_the_end_reopens_the_payment() -> None:
    expired, _ = after(seen(unpaid(), "retrieve", AFTER_EXPIRY))
    before = unpaid(2, order_no="order00000001", created=1_700_086_400)
    assert not fold(expired, seen(before)).payment.reopened
    later = unpaid(2, order_no="order00000001", created=1_700_086_401)
    reopened = fold(expired, seen(later)).payment
    assert (reopened.reopened, reopened.status) == (True, "pending")
    paid = fold(reopened, seen({**later, "paid": True}))
    assert [message.type for message in paid.messages] == ["paid"]
    reversed_, _ = after(seen(unpaid(reversed=True)))
    assert fold(reversed_, seen({**before, "created": 1_700_000_001})).payment.reopened


def test_old_news_is_kept_and_not_told_until_a_webhook_tells_it() -> None:
    told = fold(empty(), seen(charge_object(), "list"))
    (paid,) = told.messages
    assert without_old_news(empty(), told, paid.time) is told
    silent = without_old_news(empty(), told, paid.time + 1)
    assert (silent.messages, silent.payment.sequence, silent.payment.status) == ((), 0, "paid")
    assert silent.payment.charges[0].untold
    assert fold(silent.payment, seen(charge_object(), "retrieve")).messages == ()
    webhook = fold(silent.payment, seen(charge_object()))
    assert [message.id for message in webhook.messages] == ["paid:order00000001"]
    assert not webhook.payment.charges[0].untold


def test_of_old_news_what_happened_since_is_told() -> None:
    charge = charge_object(amount_refunded=40, refunds=refunds_of(refund_object()))
    told = fold(empty(), seen(charge, "list"))
    kept = without_old_news(empty(), told, 1_700_000_100)
    assert [message.type for message in told.messages] == ["paid", "refunded"]
    assert [message.type for message in kept.messages] == ["refunded"]
    assert (kept.payment.sequence, kept.payment.charges[0].untold) == (1, True)


def test_there_is_no_excess_while_nothing_else_is_kept() -> None:
    payment, _ = after(seen(charge_object()))
    assert excess_of(payment, payment.charges[0]) == 0
    assert excess_of(empty(), payment.charges[0]) == 0
