"""What follows from attempts: in any order of what is learnt about them, and case by case."""

import dataclasses
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from payments.books import attempts
from payments.books.attempts import Begun, NotPossible
from payments.books.document import SCHEMA, decode, encode
from payments.books.fold import Folded, fold, oddity
from payments.books.payment import Attempt, Failure, Payment, RefundAttempt, Registration, Reversal
from payments.books.wanted import Wanted
from payments.channels.table import attempt_order_no
from payments.pingpp.sighting import of_charge
from tests.conftest import charge_object, unpaid

APP, ORDER, AT = "app_1Gqj58ynP0mHeX1q", "order00000001", 1_700_000_070_000
GONE = Failure("not_created", "nothing was made")


WANTED = Wanted(
    app=APP,
    order_no=ORDER,
    amount=100,
    currency="cny",
    channel="alipay_qr",
    subject="x",
    body="x",
    client_ip="127.0.0.1",
    livemode=True,
)


def registered(*ids: str, **more: Any) -> Payment:
    """A payment with these attempts under way."""
    registration = Registration(100, "cny", livemode=True, subject="x", token="t", **more)
    begun = tuple(
        Attempt(one, f"{ORDER}{n}", "alipay_qr", WANTED.digest, AT, AT + 30_000) for n, one in enumerate(ids)
    )
    return Payment(SCHEMA, APP, ORDER, registration=registration, attempts=begun, reopened=bool(ids))


def made_by(attempt: str, number: int, *, paid: bool, **changes: Any) -> dict[str, Any]:
    metadata = {"pingpp_ingest_attempt": attempt, "pingpp_ingest_order": ORDER}
    return (charge_object if paid else unpaid)(number, metadata=metadata, **changes)


Step = tuple[str, Any]


@st.composite
def lives(draw: st.DrawFn) -> list[Step]:
    """What can be learnt of three attempts: that one made nothing, or the life of the charge that it made."""
    steps: list[Step] = []
    for number, attempt in enumerate(("at_1", "at_2", "at_3"), 1):
        if draw(st.booleans()):
            steps.append(("ended", attempt))
            continue
        steps.append(("seen", made_by(attempt, number, paid=False)))
        end = draw(st.sampled_from(["open", "paid", "reversed", "both"]))
        if end in ("paid", "both"):
            steps.append(("seen", made_by(attempt, number, paid=True)))
        if end in ("reversed", "both"):
            steps.append(("seen", made_by(attempt, number, paid=end == "both", reversed=True)))
    return steps


def after(steps: list[Step]) -> tuple[Payment, list[str]]:
    payment, told = registered("at_1", "at_2", "at_3"), []
    for what, thing in steps:
        if what == "ended":
            folded = attempts.end(payment, thing, GONE, AT)
        else:
            seen = of_charge(thing, "retrieve", AT)
            assert oddity(payment, seen) is None
            folded = fold(payment, seen)
        ids = [one.id for one in folded.messages]
        if any(one.startswith("closed:") for one in ids):
            assert not folded.payment.payable
            assert not any(charge.paid for charge in folded.payment.charges)
        assert folded.payment.sequence == payment.sequence + len(ids)
        payment = decode(encode(folded.payment))
        assert payment == folded.payment
        told += ids
    return payment, told


@settings(max_examples=400)
@given(lives(), st.data())
def test_in_any_order_the_books_are_the_same_and_each_fact_is_told_once(
    steps: list[Step], data: st.DataObject
) -> None:
    repeated = [*steps, *data.draw(st.lists(st.sampled_from(steps), max_size=4))]
    payment, told = after(data.draw(st.permutations(repeated)))
    again, _ = after(steps)
    assert len(told) == len(set(told))
    assert payment.attempts == again.attempts
    assert payment.status == again.status
    assert {(c.id, c.paid, c.reversed) for c in payment.charges} == {
        (c.id, c.paid, c.reversed) for c in again.charges
    }
    assert {one for one in told if one.startswith("failed:")} == {
        f"failed:{a.id}" for a in payment.attempts if a.failure
    }
    owed = [charge for charge in payment.charges if charge.paid and not charge.reversed]
    as_paid = [one for one in told if one.startswith(("paid:", "paid_late:", "paid_again:"))]
    assert len(owed) <= len(as_paid) <= sum(charge.paid for charge in payment.charges)
    assert sum(one.startswith(("paid:", "paid_late:")) for one in told) == bool(as_paid)
    for charge in payment.charges:
        assert (f"reversed:{charge.id}" in told) is (charge.paid and charge.reversed)
    if payment.charges and not payment.payable and not any(charge.paid for charge in payment.charges):
        assert any(one.startswith("closed:") for one in told)


def test_a_charge_of_another_price_than_was_registered_is_odd() -> None:
    payment = registered("at_1")
    assert (
        oddity(payment, of_charge(made_by("at_1", 1, paid=True, amount=99), "webhook", AT))
        == "not_as_registered"
    )
    assert (
        oddity(payment, of_charge(made_by("at_1", 1, paid=True, currency="usd"), "webhook", AT))
        == "not_as_registered"
    )


def test_nothing_is_closed_while_an_attempt_is_open_and_it_is_when_that_fails() -> None:
    payment = fold(registered("at_1", "at_2"), of_charge(made_by("at_1", 1, paid=False), "reply", AT)).payment
    gone = fold(payment, of_charge(made_by("at_1", 1, paid=False, reversed=True), "reply", AT))
    assert gone.messages == ()
    ended = attempts.end(gone.payment, "at_2", GONE, AT)
    assert [one.type for one in ended.messages] == ["failed", "closed"]
    assert ended.payment.status == "closed"
    # and an attempt that was never made closes it without a word of its own
    dropped = attempts.drop(gone.payment, "at_2", AT)
    assert [one.type for one in dropped.messages] == ["closed"]


def test_what_is_paid_after_the_end_is_late_but_not_when_another_attempt_has_begun() -> None:
    closed = fold(registered("at_1"), of_charge(made_by("at_1", 1, paid=False, reversed=True), "reply", AT))
    assert [one.type for one in closed.messages] == ["closed"]
    late = fold(closed.payment, of_charge(made_by("at_9", 9, paid=True), "webhook", AT))
    assert [one.type for one in late.messages] == ["paid_late"]
    again = replace(closed.payment, reopened=True)
    assert [
        one.type for one in fold(again, of_charge(made_by("at_9", 9, paid=True), "webhook", AT)).messages
    ] == ["paid"]


def test_an_attempt_that_was_given_up_has_its_charge_after_all() -> None:
    failed = attempts.end(registered("at_1"), "at_1", GONE, AT).payment
    assert failed.status == "failed"
    found = fold(failed, of_charge(made_by("at_1", 1, paid=True), "webhook", AT))
    assert (found.payment.status, found.payment.attempts[0].failure) == ("paid", None)
    assert [one.type for one in found.messages] == ["paid"]


def begin(payment: Payment, wanted: Wanted = WANTED) -> Begun:
    return attempts.begin(payment, wanted, "at_new", "t0k3n", AT)


def refusal(payment: Payment, wanted: Wanted = WANTED) -> str:
    with pytest.raises(NotPossible) as refused:
        begin(payment, wanted)
    assert str(refused.value) == refused.value.message
    return refused.value.code


def seen(payment: Payment, charge: dict[str, Any]) -> Payment:
    return fold(payment, of_charge(charge, "reply", AT)).payment


OTHER = dataclasses.replace(WANTED, channel="wx_pub_qr")
OPEN = seen(registered("at_1"), made_by("at_1", 1, paid=False))
ID = OPEN.charges[0].id


def test_a_first_create_registers_the_payment_and_begins_an_attempt() -> None:
    begun = begin(Payment(SCHEMA, APP, ORDER))
    assert (begun.step, begun.reverse) == ("create", ())
    assert begun.payment.registration == Registration(100, "cny", livemode=True, subject="x", token="t0k3n")
    (attempt,) = begun.payment.attempts
    assert (attempt.id, attempt.channel, attempt.digest, attempt.open) == (
        "at_new", "alipay_qr", WANTED.digest, True,
    )  # fmt: skip
    assert attempt.order_no == ORDER
    assert (attempt.at_ms, attempt.over_ms) == (AT, AT + 30_000)
    assert begun.payment.reopened


def test_what_was_only_watched_gets_a_checkout_and_keeps_what_the_merchant_said_of_it() -> None:
    watched = Registration(100, "cny", livemode=True, on_paid_late="refund")
    begun = begin(Payment(SCHEMA, APP, ORDER, registration=watched))
    assert begun.payment.registration
    assert (begun.payment.registration.token, begun.payment.registration.on_paid_late) == ("t0k3n", "refund")
    assert begin(registered()).payment.registration == registered().registration


def test_the_same_again_is_waited_for_or_known() -> None:
    assert begin(registered("at_1")) == Begun(registered("at_1"), step="wait")
    assert begin(OPEN) == Begun(OPEN, step="known")
    paid = seen(OPEN, made_by("at_1", 1, paid=True))
    assert begin(paid) == Begun(paid, step="known")
    elsewhere = replace(paid, attempts=())
    assert begin(elsewhere) == Begun(elsewhere, step="known")


def test_a_number_that_never_reached_pingpp_is_used_again() -> None:
    not_reached = attempts.end(registered("at_1"), "at_1", GONE, AT, not_reached=True)
    assert not_reached.messages == ()
    again = begin(not_reached.payment)
    assert (again.step, [one.order_no for one in again.payment.attempts]) == ("create", [ORDER])
    reached = attempts.end(registered("at_1"), "at_1", GONE, AT).payment
    assert begin(reached).payment.attempts[1].order_no == attempt_order_no(ORDER, 2, "alipay_qr") != ORDER


def test_another_channel_reverses_what_is_in_the_way_first() -> None:
    begun = begin(OPEN, OTHER)
    assert (begun.step, begun.reverse) == ("reverse", (ID,))
    assert begun.payment.attempts[1].order_no == attempt_order_no(ORDER, 2, "wx_pub_qr")
    assert begun.payment.reversing(ID) == Reversal(ID, AT, AT + 30_000)
    # what cannot be reversed is in nobody's way
    (charge,) = OPEN.charges
    assert begin(replace(OPEN, charges=(replace(charge, channel="upacp_qr"),)), OTHER).step == "create"


@pytest.mark.parametrize(
    ("payment", "wanted", "code"),
    [
        (registered(), dataclasses.replace(WANTED, amount=99), "order_conflict"),
        (registered(), dataclasses.replace(WANTED, currency="usd"), "order_conflict"),
        (replace(OPEN, registration=None), dataclasses.replace(WANTED, amount=99), "order_conflict"),
        (seen(OPEN, made_by("at_1", 1, paid=True)), OTHER, "not_payable"),
        (registered(closed_ms=1), WANTED, "not_payable"),
        (registered("at_1"), OTHER, "attempt_open"),
        (attempts.begin_reversal(OPEN, OPEN.charges[0], AT), WANTED, "attempt_open"),
        (replace(attempts.begin_reversal(OPEN, OPEN.charges[0], AT), attempts=(
            *OPEN.attempts, Attempt("at_2", "x", "alipay_qr", "d2", 1, 2, failure=GONE))), WANTED, "attempt_open"),
        (replace(registered(), attempts=tuple(
            Attempt(f"at_{n}", "x", "alipay_qr", "d", 1, 2, failure=GONE) for n in range(100))), WANTED, "not_payable"),
    ],
)  # fmt: skip
def test_what_cannot_be_begun_is_refused_by_a_word_of_the_api(
    payment: Payment, wanted: Wanted, code: str
) -> None:
    assert refusal(payment, wanted) == code


def test_what_has_ended_does_not_end_again() -> None:
    assert attempts.end(OPEN, "at_1", GONE, AT) == Folded(OPEN)
    assert attempts.end(OPEN, "at_9", GONE, AT) == Folded(OPEN)
    refunded = replace(OPEN, refund_attempts=(RefundAttempt("rt_1", ID, 40, 1, 2, refund="re_1"),))
    for id_ in ("rt_1", "rt_9"):
        assert attempts.end_refund(refunded, id_, GONE, AT) == Folded(refunded)


def test_a_reversal_counts_its_tries_and_ends_once() -> None:
    (charge,) = OPEN.charges
    first = attempts.begin_reversal(OPEN, charge, AT)
    assert attempts.end_reversal(first, ID, AT + 1, GONE) == first  # that was another
    ended = attempts.end_reversal(first, ID, AT, GONE)
    assert (ended.reversals[0].ended, ended.reversals[0].failure) == (True, GONE)
    assert attempts.end_reversal(ended, ID, AT, Failure("again", "")) == ended
    again = attempts.begin_reversal(ended, charge, AT + 5)
    assert again.reversals == (Reversal(ID, AT + 5, AT + 30_005, tries=2),)


def test_a_charge_is_reversed_by_itself_at_the_end_of_the_till_s_minute_or_of_the_checkout() -> None:
    (charge,) = OPEN.charges
    assert attempts.reversal_due(OPEN, charge) is None
    assert attempts.reversal_due(replace(OPEN, registration=None), charge) is None
    closed = replace(OPEN, registration=replace(registered(closed_ms=7).registration, closed_ms=7))  # type: ignore[type-var]
    assert attempts.reversal_due(closed, charge) == 7
    till = replace(charge, channel="isv_scan")
    at_the_till = replace(OPEN, charges=(till,))
    assert attempts.reversal_due(at_the_till, till) == AT + 60_000
    assert attempts.reversal_due(replace(at_the_till, attempts=()), till) is None
    assert attempts.reversal_due(attempts.begin_reversal(at_the_till, till, AT), till) is None
    assert attempts.reversal_due(at_the_till, replace(till, expired=True)) is None


PAID = seen(OPEN, made_by("at_1", 1, paid=True))


def refund(number: int = 1, amount: int = 40, **more: Any) -> RefundAttempt:
    return RefundAttempt(f"rt_{number}", ID, amount, AT, AT + 30_000, **more)


def test_a_refund_reserves_its_amount_until_it_came_to_nothing() -> None:
    first = attempts.begin_refund(PAID, refund(amount=60))
    with pytest.raises(NotPossible, match="40 is left") as refused:
        attempts.begin_refund(first, refund(2, amount=41))
    assert refused.value.code == "refund_exceeds"
    ended = attempts.end_refund(first, "rt_1", GONE, AT)
    assert [(one.type, one.id, one.charge) for one in ended.messages] == [
        ("refund_failed", "refund_failed:rt_1", ID)
    ]
    assert ended.payment.sequence == first.sequence + 1
    assert attempts.begin_refund(ended.payment, refund(2, amount=100)).refund_attempts[-1].id == "rt_2"
    quiet = attempts.end_refund(first, "rt_1", GONE, AT, not_reached=True)
    assert quiet.messages == ()
    assert attempts.begin_refund(quiet.payment, refund(2)).refund_attempts == (refund(2),)


def test_one_of_several_refunds_ends_and_the_others_stay() -> None:
    two = attempts.begin_refund(attempts.begin_refund(PAID, refund()), refund(2))
    ended = attempts.end_refund(two, "rt_2", GONE, AT).payment
    assert ended.refund_attempts == (refund(), refund(2, failure=GONE))


def test_what_cannot_be_refunded_is_refused() -> None:
    many = replace(PAID, refund_attempts=tuple(refund(n, failure=GONE) for n in range(500)))
    reversing = attempts.begin_reversal(PAID, PAID.charges[0], AT)
    for payment, code in (
        (many, "not_refundable"),
        (reversing, "not_refundable"),
        (registered(), "refund_exceeds"),
    ):
        with pytest.raises(NotPossible) as refused:
            attempts.begin_refund(payment, refund())
        assert refused.value.code == code


def late(**more: Any) -> Payment:
    """Paid after /close, by a merchant who wants such money to go back."""
    return seen(seen(registered("at_1", on_paid_late="refund", closed_ms=1, **more), made_by("at_1", 1, paid=False)),
                made_by("at_1", 1, paid=True))  # fmt: skip


def test_late_money_goes_back_once_where_the_merchant_wants_that() -> None:
    payment = late()
    (charge,) = payment.charges
    assert attempts.refund_late(payment) == (charge, 0)
    assert attempts.refund_late(PAID) is None
    assert attempts.refund_late(replace(payment, registration=None)) is None
    assert attempts.refund_late(replace(payment, late=False)) is None
    assert attempts.refund_late(attempts.begin_reversal(payment, charge, AT)) is None
    asked = attempts.begin_refund(payment, refund(amount=100))
    assert attempts.refund_late(asked) is None
    gone = attempts.end_refund(asked, "rt_1", GONE, AT).payment
    assert attempts.refund_late(gone) is None  # refused: a person's
    again = attempts.end_refund(asked, "rt_1", GONE, AT, not_reached=True).payment
    assert attempts.refund_late(again) == (charge, AT + 60_000)


def test_after_close_whatever_comes_is_late() -> None:
    second = seen(late(), made_by("at_2", 2, paid=True))
    assert second.first_paid == ID
    kept = attempts.begin_refund(second, refund(amount=100))
    found = attempts.refund_late(kept)
    assert found is not None
    assert found[0].id == charge_object(2)["id"]
    # what came before the end is not, whatever comes after it
    asked_for = registered(on_paid_late="refund").registration
    assert attempts.refund_late(replace(PAID, registration=asked_for)) is None
    assert attempts.refund_late(replace(second, registration=asked_for, late=False)) is None


def test_an_attempt_ends_with_the_charge_that_it_made_whatever_that_says() -> None:
    made = attempts.made_by(registered("at_1"), "at_1", ID)
    assert made.attempts[0].charge == ID
    # one that another attempt made is that one's
    two = registered("at_1", "at_2")
    assert [one.id for one in attempts.made_by(attempts.made_by(two, "at_1", ID), "at_2", ID).attempts] == [
        "at_1"
    ]


def test_attempts_are_found_and_replaced_by_their_ids() -> None:
    two = registered("at_1", "at_2")
    assert attempts.attempt_of(two, "at_2") == two.attempts[1]
    assert attempts.attempt_of(two, "at_9") is None
    changed = replace(two.attempts[1], failure=GONE)
    assert attempts.with_attempt(two, changed).attempts == (two.attempts[0], changed)
    assert attempts.refund_attempt_of(attempts.begin_refund(PAID, refund()), "rt_1") == refund()
    assert attempts.refund_attempt_of(PAID, "rt_1") is None
