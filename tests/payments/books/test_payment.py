"""What follows from the facts of a payment: its status, what it keeps, what can be refunded, what a payer is shown."""

from typing import Any

import pytest
from msgspec.structs import replace

from payments.books.payment import (
    Attempt,
    Charge,
    Failure,
    Payment,
    Refund,
    RefundAttempt,
    Registration,
    Reversal,
    made_charge,
    made_refund,
    with_charge,
    with_refund,
)

NO = Failure("no", "it did not")
REGISTERED = Registration(100, "cny", livemode=True, token="t")


def charge(number: int = 1, **more: Any) -> Charge:
    facts = {"livemode": True, "created": number, **more}
    return Charge(f"ch_{number}", "order1", "alipay_qr", 100, "cny", **facts)


def attempt(number: int = 1, **more: Any) -> Attempt:
    return Attempt(f"at_{number}", "order1", "alipay_qr", "d", 1, 2, **more)


def refund(number: int = 1, amount: int = 40, of: int = 1, **more: Any) -> Refund:
    return Refund(f"re_{number}", f"ch_{of}", amount, **more)


def asked(number: int = 1, amount: int = 30, **more: Any) -> RefundAttempt:
    return RefundAttempt(f"rt_{number}", "ch_1", amount, 1, 2, **more)


def payment(*charges: Charge, **more: Any) -> Payment:
    return Payment(1, "app_1", "order1", charges=charges, **more)


PAID = charge(paid=True)
STATUS: list[tuple[str, Payment]] = [
    ("creating", payment(attempts=(attempt(),))),
    ("pending", payment()),
    ("pending", payment(charge())),
    ("pending", payment(charge(), charge(2, reversed=True), attempts=(attempt(),))),
    ("creating", payment(charge(reversed=True), attempts=(attempt(),))),
    ("paid", payment(PAID)),
    ("paid", payment(PAID, charge(2))),
    ("paid", payment(charge(paid=True, reversed=True), charge(2, paid=True))),
    ("partially_refunded", payment(PAID, refunds=(refund(succeeded=True),))),
    ("paid", payment(PAID, refunds=(refund(),))),
    ("paid", payment(PAID, refunds=(refund(failed=True),))),
    ("refunded", payment(PAID, refunds=(refund(amount=100, succeeded=True),))),
    ("refunded", payment(charge(paid=True, reversed=True))),
    ("closed", payment(charge(expired=True))),
    ("closed", payment(charge(reversed=True), attempts=(attempt(failure=NO),))),
    ("failed", payment(attempts=(attempt(failure=NO),))),
]


@pytest.mark.parametrize(("status", "books"), STATUS)
def test_the_status_follows_from_the_facts(status: str, books: Payment) -> None:
    assert books.status == status


def test_the_name_is_that_of_the_keys() -> None:
    assert payment().name == "app_1:order1"


def test_charges_and_refunds_are_found_by_their_ids() -> None:
    books = payment(PAID, charge(2), refunds=(refund(), refund(2)))
    assert (books.charge("ch_2"), books.charge("ch_9")) == (charge(2), None)
    assert (books.refund("re_2"), books.refund("re_9")) == (refund(2), None)


def test_what_is_kept_is_what_was_paid_and_did_not_go_back() -> None:
    back = (
        refund(succeeded=True),
        refund(2),
        refund(3, failed=True),
        refund(4, amount=9, of=2, succeeded=True),
    )
    books = payment(PAID, charge(2), refunds=back)
    assert books.refunded(PAID) == 40
    assert (books.kept(PAID), books.kept(charge(2))) == (60, 0)
    assert books.kept(replace(PAID, reversed=True)) == 0
    assert payment(PAID, refunds=(refund(amount=101, succeeded=True),)).kept(PAID) == 0  # fmt: skip


@pytest.mark.parametrize(
    ("paid", "left", "more"),
    [
        (PAID, 100, {}),
        (charge(), 0, {}),
        (charge(paid=True, reversed=True), 0, {}),
        (PAID, 60, {"refunds": (refund(),)}),  # pending reserves,
        (PAID, 100, {"refunds": (refund(failed=True),)}),  # failed frees
        (PAID, 100, {"refunds": (refund(of=2),)}),
        (charge(paid=True, amount_refunded=70), 30, {"refunds": (refund(succeeded=True),)}),
        (PAID, 70, {"refund_attempts": (asked(),)}),
        (PAID, 100, {"refund_attempts": (asked(failure=NO),)}),
        (PAID, 0, {"refunds": (refund(amount=90),), "refund_attempts": (asked(),)}),
    ],
)
def test_what_can_still_be_refunded(paid: Charge, left: int, more: dict[str, Any]) -> None:
    assert payment(paid, **more).available(paid) == left


def test_a_reversal_is_under_way_until_it_is_known_how_it_ended() -> None:
    under_way, ended = Reversal("ch_1", 1, 2), Reversal("ch_1", 1, 2, ended=True)
    assert payment(charge(), reversals=(under_way,)).reversing("ch_1") == under_way
    assert payment(charge(), reversals=(under_way,)).reversing("ch_2") is None
    assert payment(charge(), reversals=(ended,)).reversing("ch_1") is None
    assert payment(charge(reversed=True), reversals=(under_way,)).reversing("ch_1") is None


def test_made_here_is_what_an_attempt_made() -> None:
    books = payment(charge(), charge(2), attempts=(attempt(charge="ch_1"),))
    assert (books.made_here("ch_1"), books.made_here("ch_2")) == (True, False)


def test_something_can_be_paid_while_a_charge_or_an_attempt_is_open() -> None:
    assert payment(charge()).payable
    assert payment(charge(expired=True), attempts=(attempt(),)).payable
    assert not payment(charge(expired=True), attempts=(attempt(failure=NO),)).payable


def test_the_charge_that_was_paid_first_speaks_for_the_payment_else_the_newest() -> None:
    both = (PAID, charge(2, paid=True))
    assert payment().shown is None
    assert payment(*both, first_paid="ch_2").shown == charge(2, paid=True)
    assert payment(charge(3), *both).shown == PAID
    assert payment(charge(), charge(2)).shown == charge(2)
    # created within one second, the ids say nothing: the latest attempt does
    made = (attempt(charge="ch_2"), attempt(2, charge="ch_1"), attempt(3, charge="ch_9"), attempt(4))
    assert payment(charge(), charge(2, created=1), attempts=made).shown == charge()


def test_a_payer_is_shown_the_newest_that_can_be_paid() -> None:
    two = payment(charge(), charge(2), registration=REGISTERED)
    assert two.to_show == charge(2)
    assert replace(two, attempts=(attempt(charge="ch_1"),)).to_show == charge()
    assert replace(two, reversals=(Reversal("ch_2", 1, 2),)).to_show == charge()
    closed = payment(charge(), charge(2, expired=True), registration=REGISTERED)
    assert closed.to_show == charge()


@pytest.mark.parametrize(
    "books",
    [
        payment(charge()),
        payment(charge(), registration=replace(REGISTERED, token="")),
        payment(charge(), registration=replace(REGISTERED, closed_ms=1)),
        payment(charge(), charge(2, paid=True), registration=REGISTERED),
        payment(charge(expired=True), registration=REGISTERED),
        payment(registration=REGISTERED),
    ],
)
def test_and_nothing_where_there_is_no_checkout_or_nothing_to_pay(books: Payment) -> None:
    assert books.to_show is None


def test_equal_facts_make_equal_documents_in_whatever_order_they_came() -> None:
    one, other, same_second = charge(3), charge(2), charge(4, created=2)
    in_order = (other, same_second, one)
    assert with_charge(with_charge((one,), same_second), other) == in_order
    assert with_charge(with_charge((other,), one), same_second) == in_order
    assert with_charge((one, other), replace(other, paid=True))[0].paid
    assert with_refund((refund(2),), refund()) == (refund(), refund(2))
    assert with_refund((refund(),), refund(succeeded=True)) == (refund(succeeded=True),)


def test_an_attempt_ends_with_what_says_that_it_made_it_even_if_it_was_given_up() -> None:
    given_up = attempt(failure=NO, not_reached=True)
    books = payment(attempts=(given_up, attempt(2)))
    made = made_charge(books, "at_1", "ch_1")
    assert made.attempts == (attempt(charge="ch_1"), attempt(2))
    assert made_charge(made, "at_1", "ch_2") is made
    assert made_charge(books, None, "ch_1") is books


def test_and_so_does_one_to_refund_but_no_refund_is_two_attempts() -> None:
    books = payment(PAID, refund_attempts=(asked(failure=NO), asked(2)))
    made = made_refund(books, "rt_1", "re_1")
    assert made.refund_attempts == (asked(refund="re_1"), asked(2))
    assert made_refund(made, "rt_2", "re_1") is made
    assert made_refund(books, "rt_9", "re_1") is books
