"""When things are looked at: slots counted from the beginning, and none for what is settled."""

from typing import Any

import pytest
from msgspec.structs import replace

from payments import checks
from payments.attempts import reversal_due
from payments.checks import Check
from payments.fold import EXPIRY_GRACE, fold
from payments.keys import CHECKS, CHECKS_NOW
from payments.payment import SCHEMA, Attempt, Failure, Payment, RefundAttempt, Registration, Reversal
from payments.sighting import of_charge, of_refund
from tests.conftest import charge_object, refund_object, unpaid

APP, CREATED_MS = "app_1Gqj58ynP0mHeX1q", 1_700_000_000_000
ID = charge_object()["id"]
LAST = (1_700_086_400 + EXPIRY_GRACE) * 1000 + 1


def books(*seen: dict[str, Any], **more: Any) -> Payment:
    payment = Payment(SCHEMA, APP, "order00000001")
    for one in seen:
        look = of_refund(one, "webhook", 1) if one["object"] == "refund" else of_charge(one, "webhook", 1)
        payment = fold(payment, look).payment
    return replace(payment, **more)


def made_here(channel: str, **more: Any) -> Payment:
    attempt = Attempt("at_1", "order00000001", channel, "d", CREATED_MS, CREATED_MS + 30_000, charge=ID)
    registration = Registration(100, "cny", livemode=True, subject="x", token="t")
    return replace(books(unpaid(channel=channel)), attempts=(attempt,), registration=registration, **more)


def slots(payment: Payment, until_s: int) -> list[float]:
    """The seconds after creation at which its charge is looked at, each look being in time."""
    now, found = CREATED_MS, []
    while now < CREATED_MS + 1000 * until_s:
        check = checks.of_charge(payment, payment.charges[0], now)
        assert check is not None
        assert check.due_ms > now
        now = check.due_ms
        found.append((now - CREATED_MS) / 1000)
    return found


def test_gaps_grow_and_the_last_repeats() -> None:
    assert slots(books(unpaid()), 2400) == [15, 45, 105, 225, 525, 1125, 1725, 2325, 2925]


def test_looking_twice_moves_nothing() -> None:
    payment = books(unpaid())
    for late_ms in (0, 7_000, 14_999):
        assert checks.of_charge(payment, payment.charges[0], CREATED_MS + late_ms) == Check(
            CHECKS, CREATED_MS + 15_000
        )


def test_it_is_looked_at_once_a_minute_around_its_expiry_and_once_after_it() -> None:
    payment = books(unpaid())
    last = (LAST - CREATED_MS) / 1000
    around = [one for one in slots(payment, int(last)) if one > last - 121]
    assert around == [last - 120, last - 60, last]
    # that look finds it expired
    folded = fold(payment, of_charge(unpaid(), "retrieve", LAST)).payment
    assert folded.status == "closed"
    assert checks.changes(payment, folded, LAST) == {f":{ID}": None}


def test_at_the_till_it_is_looked_at_every_five_seconds_for_a_minute_and_reversed() -> None:
    payment = made_here("isv_scan")
    assert slots(payment, 60) == [5.0 * n for n in range(1, 13)]
    at_60 = checks.of_charge(payment, payment.charges[0], CREATED_MS + 60_000)
    assert at_60 == Check(CHECKS_NOW, CREATED_MS + 60_000)


def test_what_was_not_made_here_is_looked_at_and_never_reversed() -> None:
    payment = books(unpaid(channel="isv_scan"))
    assert 5.0 * 20 in slots(payment, 100)


def test_a_reversal_is_looked_at_when_its_call_is_surely_over() -> None:
    reversal = Reversal(ID, CREATED_MS + 60_000, CREATED_MS + 90_000)
    payment = made_here("isv_scan", reversals=(reversal,))
    assert checks.of_charge(payment, payment.charges[0], CREATED_MS + 61_000) == Check(
        CHECKS_NOW, reversal.over_ms
    )


@pytest.mark.parametrize("tries", [1, 2, 3, 20])
def test_a_refused_reversal_is_tried_again_later_and_later(tries: int) -> None:
    at_ms = CREATED_MS + 3_600_000 - 1
    ended = Reversal(ID, at_ms, at_ms, tries=tries, ended=True, failure=Failure("no", "no"))
    payment = made_here("isv_scan", reversals=(ended,))
    due = reversal_due(payment, payment.charges[0])
    assert due == at_ms + min(600_000, 15_000 * 2 ** (tries - 1))


def test_settling_removes_the_check_and_a_pending_refund_sets_it() -> None:
    open_, paid = books(unpaid()), books(charge_object())
    assert checks.changes(open_, paid, CREATED_MS) == {f":{ID}": None}
    assert checks.changes(Payment(SCHEMA, APP, "x"), paid, CREATED_MS) == {}
    pending = refund_object(status="pending", succeed=False, time_succeed=None)
    with_refund = books(charge_object(), pending)
    created = 1000 * pending["created"]
    assert checks.changes(paid, with_refund, created) == {f":{ID}": Check(CHECKS, created + 15_000)}
    done = books(charge_object(), refund_object())
    assert checks.changes(with_refund, done, created) == {f":{ID}": None}


def test_attempts_have_checks_of_their_own_until_they_have_ended() -> None:
    create = Attempt("at_1", "x", "alipay_qr", "d", CREATED_MS, CREATED_MS + 30_000)
    refund = RefundAttempt("rt_1", ID, 40, CREATED_MS, CREATED_MS + 30_000)
    payment = books(charge_object())
    begun = replace(payment, attempts=(create,), refund_attempts=(refund,))
    due = Check(CHECKS_NOW, CREATED_MS + 30_000)
    names = [f"+at_1:{payment.name}", f"+rt_1:{payment.name}"]
    assert checks.changes(payment, begun, CREATED_MS) == dict.fromkeys(names, due)
    assert checks.changes(begun, payment, CREATED_MS) == dict.fromkeys(names)
    assert checks.read_member(names[0]) == ("", "at_1", payment.name)
    assert checks.read_member(f":{ID}") == (ID, "", "")


def test_late_money_that_is_to_go_back_is_looked_at_at_once() -> None:
    registration = Registration(
        100, "cny", livemode=True, subject="x", token="t", on_paid_late="refund", closed_ms=1
    )
    open_ = replace(books(unpaid()), registration=registration)
    late = fold(open_, of_charge(charge_object(), "webhook", 1)).payment
    assert late.late
    assert checks.changes(open_, late, CREATED_MS) == {f":{ID}": Check(CHECKS, CREATED_MS)}
