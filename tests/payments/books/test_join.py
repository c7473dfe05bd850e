"""The law of the ledger: any multiset and order of sightings that do not contradict each other gives the same
books, and one message for each fact.
"""

import contextlib
import dataclasses
import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from payments.books import join
from payments.books.document import SCHEMA
from payments.books.document import decode as decode_payment
from payments.books.document import encode as encode_payment
from payments.books.fold import EXPIRY_GRACE, Folded, fold
from payments.books.join import Decision, Odd
from payments.books.laws import LawBroken
from payments.books.payment import Payment
from payments.pingpp.sighting import Sighting, of_charge, of_refund
from tests.conftest import charge_object, refund_object, refunds_of, unpaid

APP = "app_1Gqj58ynP0mHeX1q"
ORDER = "order00000001"
AFTER_EXPIRY = (1_700_086_400 + EXPIRY_GRACE) * 1000


@dataclass(frozen=True)
class Story:
    """What really happens to the charges of one payment, and looks at it: (stage, how it was seen)."""

    sightings: tuple[Sighting, ...]


@st.composite
def stories(draw: st.DrawFn) -> Story:
    """One to three charges, each with a life of its own, looked at any number of times at any stage."""
    looks: list[Sighting] = []
    for number in range(1, draw(st.integers(1, 3)) + 1):
        looks += draw(st.lists(st.sampled_from(_life(draw, number)), min_size=1, max_size=6))
    return Story(tuple(draw(st.permutations(looks))))


def _life(draw: st.DrawFn, number: int) -> list[Sighting]:
    """All that can be seen of a charge during its life, in the order of its happening."""
    about = {"order_no": ORDER}
    early = of_charge(unpaid(number, **about), draw(st.sampled_from(["webhook", "reply", "retrieve"])), 1)
    end = draw(
        st.sampled_from(
            ["open", "paid", "reversed unpaid", "expired", "expired, then paid", "paid, reversed"]
        )
    )
    life = [early]
    if end.startswith("expired"):
        life.append(of_charge(unpaid(number, **about), "retrieve", AFTER_EXPIRY))
    if end == "reversed unpaid":
        life.append(of_charge(unpaid(number, reversed=True, **about), "retrieve", 2))
    if "paid" in end and end != "reversed unpaid":
        life += _paid_life(draw, number, about)
    if end == "paid, reversed":
        life.append(
            of_charge(charge_object(number, reversed=True, amount_refunded=100, **about), "retrieve", 9)
        )
    return life


def _paid_life(draw: st.DrawFn, number: int, about: dict[str, Any]) -> list[Sighting]:
    bare = of_charge(charge_object(number, transaction_no=None, **about), "webhook", 3)
    full = of_charge(charge_object(number, **about), draw(st.sampled_from(["webhook", "list"])), 4)
    life = [bare, full]
    given_back: list[dict[str, Any]] = []
    for part in range(draw(st.integers(0, 2))):
        id_ = 10 * number + part
        end = draw(st.sampled_from(["pending", "succeeded", "failed", "both"]))
        pending = refund_object(id_, number, status="pending", succeed=False, time_succeed=None, amount=30)
        succeeded = refund_object(id_, number, amount=30)
        failed = refund_object(id_, number, status="failed", succeed=False, amount=30)
        seen = {
            "pending": [pending],
            "succeeded": [pending, succeeded],
            "failed": [failed],
            "both": [failed, succeeded],
        }
        life += [of_refund(one, "webhook", 5) for one in seen[end]]
        given_back.append(seen[end][-1])
    if given_back:
        gone = sum(one["amount"] for one in given_back if one["status"] == "succeeded")
        charge = charge_object(number, amount_refunded=gone, refunds=refunds_of(*given_back), **about)
        life.append(of_charge(charge, "list", 8))
    return life


def books_of(sightings: tuple[Sighting, ...]) -> tuple[Payment, list[str]]:
    """Fold as the worker does: what is odd now is put aside and comes again, as an answer to an ask would."""
    payment, ids = Payment(SCHEMA, APP, ORDER), []
    waiting = list(sightings)
    for _ in range(3):
        aside = []
        for sighting in waiting:
            decision = Decision(payment)
            try:
                folded = decision.take(sighting)
            except Odd:
                aside.append(sighting)
                continue
            assert [json.loads(one)["id"] for one in decision.messages] == [one.id for one in folded.messages]
            again = Decision(folded.payment)
            again.take(sighting)
            assert again.payment is folded.payment
            assert not again.messages
            # what is written is what is read
            payment = decode_payment(encode_payment(folded.payment))
            assert payment == folded.payment
            ids += [message.id for message in folded.messages]
        waiting = aside
    return payment, ids


def facts(payment: Payment) -> Payment:
    """Without what rightly depends on the order of learning, and what only says where a fact was seen."""
    charges = tuple(
        replace(c, sources=(), extra={}, amount_settle=None, time_expire=None) for c in payment.charges
    )
    refunds = tuple(
        replace(r, created=None, time_succeed=None, failure_code=None, failure_msg=None, description=None)
        for r in payment.refunds
    )
    return replace(
        payment,
        charges=charges,
        refunds=refunds,
        first_paid=None,
        late=False,
        closed=None,
        closed_before=(),
        reopened=False,
        sequence=0,
    )


def expected(payment: Payment, ids: list[str]) -> None:
    """One message for each fact in the books, whatever the order was."""
    assert len(ids) == len(set(ids))
    told = set(ids)
    for refund in payment.refunds:
        assert (f"refunded:{refund.id}" in told) is refund.succeeded
        assert (f"refund_failed:{refund.id}" in told) is refund.failed
    firsts = [one for one in ids if one.startswith(("paid:", "paid_late:"))]
    assert len(firsts) <= 1
    assert len(firsts) == (1 if payment.first_paid else 0)
    for charge in payment.charges:
        as_paid = (charge.id == payment.first_paid) + (f"paid_again:{charge.id}" in told)
        as_reversed = f"reversed:{charge.id}" in told
        assert as_reversed is (charge.paid and charge.reversed)
        assert as_paid == 1 if charge.paid and not charge.reversed else as_paid <= int(charge.paid)
    assert payment.sequence == len(ids)


@settings(max_examples=400)
@given(stories(), st.randoms(use_true_random=False))
def test_any_order_and_any_repetition_gives_the_same_books_and_one_message_for_each_fact(
    story: Story, random: Any
) -> None:
    payment, ids = books_of(story.sightings)
    expected(payment, ids)
    others = [*story.sightings, *random.choices(story.sightings, k=4)]
    random.shuffle(others)
    again, other_ids = books_of(tuple(others))
    expected(again, other_ids)
    assert facts(again) == facts(payment)


@settings(max_examples=200)
@given(stories(), st.data())
def test_a_replay_of_all_of_it_years_later_changes_nothing(story: Story, data: st.DataObject) -> None:
    payment, _ = books_of(story.sightings)
    decision = Decision(payment)
    for sighting in data.draw(st.permutations(story.sightings)):
        with contextlib.suppress(Odd):
            decision.take(sighting)
    assert decision.payment is payment
    assert not decision.messages


def nothing_yet() -> Decision:
    return Decision(Payment(SCHEMA, APP, ORDER))


def seen(source: str = "webhook", **about: Any) -> Sighting:
    return of_charge(charge_object(order_no=ORDER, **about), source, 1)


def test_what_is_taken_one_after_another_is_one_decision() -> None:
    decision = nothing_yet()
    first = decision.take(seen())
    second = decision.take(of_refund(refund_object(), "webhook", 1))
    assert decision.payment is second.payment
    assert [json.loads(one)["id"] for one in decision.messages] == [
        one.id for one in (*first.messages, *second.messages)
    ]
    assert [json.loads(one)["data"]["payment"]["status"] for one in decision.messages] == [
        "paid", "partially_refunded",
    ]  # fmt: skip


def test_what_is_odd_is_not_taken_and_says_what_stood_against_it() -> None:
    decision = nothing_yet()
    decision.take(seen())
    before = copied(decision)
    other = seen(amount=5)
    with pytest.raises(Odd) as caught:
        decision.take(other)
    assert (caught.value.code, caught.value.held, caught.value.seen) == (
        "identity_conflict", before.payment, other,
    )  # fmt: skip
    assert decision == before


def copied(decision: Decision) -> Decision:
    return Decision(decision.payment, [*decision.messages], [*decision.asks])


def test_a_broken_law_leaves_the_decision_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    def forgetful(payment: Payment, sighting: Sighting) -> Folded:
        folded = fold(payment, sighting)
        return dataclasses.replace(folded, payment=replace(folded.payment, first_paid=None))

    monkeypatch.setattr(join, "fold", forgetful)
    decision = nothing_yet()
    with pytest.raises(LawBroken):
        decision.take(seen())
    assert decision == nothing_yet()


def test_more_given_back_than_is_known_of_is_asked_about() -> None:
    decision = nothing_yet()
    decision.take(seen(amount_refunded=40))
    assert decision.asks == [f":{charge_object()['id']}"]


def test_what_is_older_than_we_watch_enters_the_books_without_a_message() -> None:
    decision = nothing_yet()
    paid_at = charge_object()["time_paid"]
    told = decision.take(seen("list"), watch_from=paid_at + 1)
    assert (told.messages, decision.messages) == ((), [])
    assert decision.payment.charges[0].untold
    recent = nothing_yet()
    assert recent.take(seen("list"), watch_from=paid_at).messages
