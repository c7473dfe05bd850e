"""The laws of a change: whatever Ping++ says, and in whatever order, keeps them; each mistake of ours breaks one."""

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from payments.books import attempts
from payments.books.document import SCHEMA
from payments.books.fold import Folded, Message, fold, oddity
from payments.books.laws import LawBroken, check_change, check_read, check_told
from payments.books.payment import Failure, Payment, RefundAttempt
from payments.pingpp.sighting import of_charge, of_refund
from tests.conftest import charge_object, refund_object, unpaid
from tests.payments.books.test_attempts import AT, GONE, Step, lives, registered
from tests.payments.books.test_join import APP, ORDER, Story, stories

PAID = fold(Payment(SCHEMA, APP, ORDER), of_charge(charge_object(), "webhook", 1)).payment
CHARGE = PAID.charges[0].id


def check(before: Payment, after: Payment, messages: int) -> None:
    check_change(before, after, told=messages)


def changes(sightings: tuple[Any, ...], size: int) -> list[tuple[Payment, Payment, int]]:
    """(before, after, messages) of each batch, as the worker folds and records them."""
    payment, found = Payment(SCHEMA, APP, ORDER), []
    for start in range(0, len(sightings), size):
        before, told = payment, 0
        for sighting in sightings[start : start + size]:
            if oddity(payment, sighting):
                continue
            folded = fold(payment, sighting)
            for one in folded.messages:
                check_told(folded.payment, one)
            payment, told = folded.payment, told + len(folded.messages)
        found.append((before, payment, told))
    return found


@settings(max_examples=150)
@given(stories(), st.integers(1, 5))
def test_what_is_seen_keeps_them_in_any_order_and_in_any_batch(story: Story, size: int) -> None:
    for before, after, told in changes(story.sightings, size):
        check(before, after, told)


@settings(max_examples=150)
@given(lives(), st.data())
def test_how_attempts_end_keeps_them_in_any_order(steps: list[Step], data: st.DataObject) -> None:
    payment = registered("at_1", "at_2", "at_3")
    for what, thing in data.draw(st.permutations([*steps, *steps])):
        if what == "ended":
            folded = attempts.end(payment, thing, GONE, AT)
        else:
            folded = fold(payment, of_charge(thing, "retrieve", AT))
        for one in folded.messages:
            check_told(folded.payment, one)
        check(payment, folded.payment, len(folded.messages))
        payment = folded.payment


@settings(max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(["begin", "refuse", "seen"]), st.integers(1, 120)), max_size=8))
def test_what_is_reserved_keeps_them_beside_whatever_is_seen(steps: list[tuple[str, int]]) -> None:
    payment = PAID
    for number, (what, amount) in enumerate(steps):
        before, folded = payment, Folded(payment)
        reserved = RefundAttempt(f"rt_{number}", CHARGE, amount, AT, AT + 1)
        if what == "begin":
            try:
                folded = Folded(attempts.begin_refund(payment, reserved))
            except attempts.NotPossible:
                # and so it is a mistake to write it down all the same
                wrong = replace(payment, refund_attempts=(*payment.refund_attempts, reserved))
                with pytest.raises(LawBroken, match="more of"):
                    check(payment, wrong, 0)
        elif what == "refuse":
            still = next((one.id for one in payment.refund_attempts if one.open), "")
            folded = attempts.end_refund(payment, still, Failure("no", "no"), AT)
        else:  # refunds made elsewhere, in all perhaps of more than was paid: Ping++ may say so
            folded = fold(payment, of_refund(refund_object(number, amount=amount), "webhook", AT))
        for one in folded.messages:
            check_told(folded.payment, one)
        check(before, folded.payment, len(folded.messages))
        payment = folded.payment


MISTAKES: dict[str, Callable[[Payment], Payment]] = {
    "sequence": lambda one: replace(one, sequence=one.sequence + 1),
    "it was": lambda one: replace(one, order_no="another"),
    "gone": lambda one: replace(one, charges=one.charges[1:]),
    "any more": lambda one: replace(
        one, charges=tuple(replace(c, paid=False, reversed=False) for c in one.charges)
    ),
    "re_.* gone": lambda one: replace(one, refunds=one.refunds[1:]),
    "ended": lambda one: replace(
        one, refunds=tuple(replace(r, succeeded=False, failed=False) for r in one.refunds)
    ),
}


@pytest.mark.parametrize("law", MISTAKES)
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.filter_too_much])
@given(story=stories())
def test_a_mistake_in_what_is_to_be_written_breaks_one(law: str, story: Story) -> None:
    before = changes(story.sightings, len(story.sightings))[-1][1]
    wrong = MISTAKES[law](before)
    assume(wrong != before)
    with pytest.raises(LawBroken, match=f"^{APP}:.*{law}"):
        check(before, wrong, 0)


def test_a_refund_is_of_a_paid_charge() -> None:
    refund = fold(PAID, of_refund(refund_object(), "webhook", AT)).payment.refunds
    for other in (Payment(SCHEMA, APP, ORDER), fold(Payment(SCHEMA, APP, ORDER), UNPAID).payment):
        with pytest.raises(LawBroken, match="not paid"):
            check(other, replace(other, refunds=refund), 0)
        reserved = RefundAttempt("rt_1", CHARGE, 1, AT, AT + 1)
        with pytest.raises(LawBroken, match="not paid"):
            check(other, replace(other, refund_attempts=(reserved,)), 0)


UNPAID = of_charge(unpaid(), "webhook", 1)
NOT_IN_IT = (
    Message("paid", f"paid:{ORDER}", "ch_other", 1),
    Message("paid_late", "paid_late:x", None, 1),
    Message("paid_again", f"paid_again:{CHARGE}", CHARGE, 1),  # it is the first
    Message("refunded", f"reversed:{CHARGE}", CHARGE, 1),
    Message("refunded", "refunded:re_1", CHARGE, 1, refund="re_1"),
    Message("refund_failed", "refund_failed:re_1", CHARGE, 1, refund="re_1"),
    Message("refund_failed", "refund_failed:rt_1", CHARGE, 1, failure=GONE),
    Message("failed", "failed:at_1", None, 1, failure=GONE),
    Message("closed", f"closed:{CHARGE}", CHARGE, 1),
    # A new type needs a law of its own.
    Message("forgotten", "forgotten:x", CHARGE, 1),  # type: ignore[arg-type]
)


@pytest.mark.parametrize("message", NOT_IN_IT, ids=lambda one: one.id.partition(":")[0])
def test_what_is_not_in_the_payment_is_not_published(message: Message) -> None:
    with pytest.raises(LawBroken, match=f"^{APP}:{ORDER}: {message.id} would be published"):
        check_told(PAID, message)


def test_a_payment_stands_under_its_own_name() -> None:
    check_read(PAID.name, PAID)
    with pytest.raises(LawBroken, match="under the name app:another"):
        check_read("app:another", PAID)
