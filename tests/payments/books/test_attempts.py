"""What follows from attempts: in any order of what is learnt about them, and case by case."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from payments.books import attempts
from payments.books.document import SCHEMA, decode, encode
from payments.books.fold import fold, oddity
from payments.books.payment import Attempt, Failure, Payment, Registration
from payments.pingpp.sighting import of_charge
from tests.conftest import charge_object, unpaid

APP, ORDER, AT = "app_1Gqj58ynP0mHeX1q", "order00000001", 1_700_000_070_000
GONE = Failure("not_created", "nothing was made")


def registered(*ids: str, **more: Any) -> Payment:
    """A payment with these attempts under way."""
    registration = Registration(100, "cny", livemode=True, subject="x", token="t", **more)
    begun = tuple(Attempt(one, f"{ORDER}{n}", "alipay_qr", "d", AT, AT + 30_000) for n, one in enumerate(ids))
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


@settings(max_examples=400, deadline=None)
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
