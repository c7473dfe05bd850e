"""When things are looked at: slots counted from the beginning, and none for what is settled."""

from itertools import accumulate
from typing import Any

import pytest
from msgspec.structs import replace

from payments import members
from payments.books import next_check
from payments.books.attempts import reversal_due
from payments.books.document import SCHEMA
from payments.books.fold import EXPIRY_GRACE, fold
from payments.books.next_check import BY_DEFAULT, Check, Schedule
from payments.books.payment import Attempt, Failure, Payment, RefundAttempt, Registration, Reversal
from payments.keys import CHECKS, CHECKS_NOW
from payments.pingpp.sighting import of_charge, of_refund
from processes.gateway_settings import GatewaySettings
from processes.settings import load
from tests.conftest import charge_object, refund_object, unpaid
from workers.settings import WorkerSettings
from workers.worker import context_of

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


def slots(payment: Payment, until_s: int, schedule: Schedule = BY_DEFAULT) -> list[float]:
    """The seconds after creation at which its charge is looked at, each look being in time."""
    now, found = CREATED_MS, []
    while now < CREATED_MS + 1000 * until_s:
        check = next_check.of_charge(payment, payment.charges[0], now, schedule)
        assert check is not None
        assert check.due_ms > now
        now = check.due_ms
        found.append((now - CREATED_MS) / 1000)
    return found


def test_the_first_look_comes_after_15_s_then_gaps_grow_and_the_last_repeats() -> None:
    assert slots(books(unpaid()), 2340) == [15, 30, 60, 120, 240, 540, 1140, 1740, 2340]


def test_the_settings_say_the_same_unless_they_are_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("FALLBACK_AFTER", raising=False)
    monkeypatch.delenv("CHECK_GAPS", raising=False)
    settings = load(GatewaySettings, _env_file=None)
    assert Schedule(settings.fallback_after, settings.check_gaps) == BY_DEFAULT == Schedule()
    monkeypatch.setenv("FALLBACK_AFTER", "2.5")
    monkeypatch.setenv("CHECK_GAPS", " 10, 20.5 ,60,")
    settings = load(GatewaySettings, _env_file=None)
    schedule = Schedule(settings.fallback_after, settings.check_gaps)
    assert schedule == Schedule(2.5, (10, 20.5, 60))
    assert slots(books(unpaid()), 150, schedule) == [2.5, 12.5, 33, 93, 153]
    worker = load(
        WorkerSettings, _env_file=None, redis_url="redis://nobody.invalid", pingpp_api_key="sk_test_x"
    )
    assert context_of(worker, CHECKS).schedule == schedule


@pytest.mark.parametrize("name", ["FALLBACK_AFTER", "CHECK_GAPS"])
@pytest.mark.parametrize("value", ["0", "0.9", "-1", "soon", ",", "nan", "inf", "86401", "15;30"])
def test_a_schedule_that_is_none_stops_the_start(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(SystemExit):
        load(GatewaySettings, _env_file=None)
    assert name in capsys.readouterr().err


def test_a_look_that_is_late_moves_none_of_the_next() -> None:
    after = [BY_DEFAULT.after(0, 1000 * now) / 1000 for now in (14, 15, 29, 59, 61, 1140, 5000)]
    assert after == [15, 30, 30, 60, 120, 1740, 5340]
    assert list(accumulate((BY_DEFAULT.first_s, *BY_DEFAULT.gaps_s))) == [15, 30, 60, 120, 240, 540, 1140]


def test_the_schedule_changes_nothing_at_the_till() -> None:
    assert slots(made_here("isv_scan"), 20, Schedule(600, (600,))) == [5, 10, 15, 20]


def test_looking_twice_moves_nothing() -> None:
    payment = books(unpaid())
    for late_ms in (0, 7_000, 14_999):
        assert next_check.of_charge(payment, payment.charges[0], CREATED_MS + late_ms) == Check(
            CHECKS, CREATED_MS + 15_000
        )


def test_it_is_looked_at_once_a_minute_around_its_expiry_and_once_after_it() -> None:
    payment = books(unpaid())
    last = (LAST - CREATED_MS) / 1000
    for schedule in (BY_DEFAULT, Schedule(15, (86_400,)), Schedule(1, (1, 600))):
        looks = slots(payment, int(last), schedule)
        assert {last - 120, last - 60} < set(looks)
        assert looks[-1] == last
    # a last look that came to nothing is repeated after a minute
    for late_ms in (0, 1, 59_999):
        assert next_check.of_charge(payment, payment.charges[0], LAST + late_ms) == Check(
            CHECKS, min(LAST + late_ms + 60_000, next_check.BY_DEFAULT.after(CREATED_MS, LAST + late_ms))
        )
    # that look finds it expired
    folded = fold(payment, of_charge(unpaid(), "retrieve", LAST)).payment
    assert folded.status == "closed"
    assert next_check.changes(payment, folded, LAST) == {f":{ID}": None}


def test_at_the_till_it_is_looked_at_every_five_seconds_for_a_minute_and_reversed() -> None:
    payment = made_here("isv_scan")
    assert slots(payment, 60) == [5.0 * n for n in range(1, 13)]
    at_60 = next_check.of_charge(payment, payment.charges[0], CREATED_MS + 60_000)
    assert at_60 == Check(CHECKS_NOW, CREATED_MS + 60_000)


def test_what_was_not_made_here_is_looked_at_and_never_reversed() -> None:
    payment = books(unpaid(channel="isv_scan"))
    assert 5.0 * 20 in slots(payment, 100)


def test_a_reversal_is_looked_at_when_its_call_is_surely_over() -> None:
    reversal = Reversal(ID, CREATED_MS + 60_000, CREATED_MS + 90_000)
    payment = made_here("isv_scan", reversals=(reversal,))
    assert next_check.of_charge(payment, payment.charges[0], CREATED_MS + 61_000) == Check(
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
    assert next_check.changes(open_, paid, CREATED_MS) == {f":{ID}": None}
    assert next_check.changes(Payment(SCHEMA, APP, "x"), paid, CREATED_MS) == {}
    pending = refund_object(status="pending", succeed=False, time_succeed=None)
    with_refund = books(charge_object(), pending)
    created = 1000 * pending["created"]
    assert next_check.changes(paid, with_refund, created) == {f":{ID}": Check(CHECKS, created + 15_000)}
    later = [BY_DEFAULT.after(created, created + 1000 * now) for now in (15, 30, 61)]
    assert [one - created for one in later] == [30_000, 60_000, 120_000]
    for now_s, due in zip((15, 30, 61), later, strict=True):
        member = members.member_of_charge(ID)
        assert next_check.of_member(with_refund, member, created + 1000 * now_s) == Check(CHECKS, due)
    slowly = next_check.changes(paid, with_refund, created, Schedule(99, (99,)))
    assert slowly == {f":{ID}": Check(CHECKS, created + 99_000)}
    done = books(charge_object(), refund_object())
    assert next_check.changes(with_refund, done, created) == {f":{ID}": None}


def test_attempts_have_checks_of_their_own_until_they_have_ended() -> None:
    create = Attempt("at_1", "x", "alipay_qr", "d", CREATED_MS, CREATED_MS + 30_000)
    refund = RefundAttempt("rt_1", ID, 40, CREATED_MS, CREATED_MS + 30_000)
    payment = books(charge_object())
    begun = replace(payment, attempts=(create,), refund_attempts=(refund,))
    due = Check(CHECKS_NOW, CREATED_MS + 30_000)
    names = [f"+at_1:{payment.name}", f"+rt_1:{payment.name}"]
    assert next_check.changes(payment, begun, CREATED_MS) == dict.fromkeys(names, due)
    assert next_check.changes(begun, payment, CREATED_MS) == dict.fromkeys(names)
    assert members.read_member(names[0]) == ("", "at_1", payment.name)
    assert members.read_member(f":{ID}") == (ID, "", "")


def test_late_money_that_is_to_go_back_is_looked_at_at_once() -> None:
    registration = Registration(
        100, "cny", livemode=True, subject="x", token="t", on_paid_late="refund", closed_ms=1
    )
    open_ = replace(books(unpaid()), registration=registration)
    late = fold(open_, of_charge(charge_object(), "webhook", 1)).payment
    assert late.late
    assert next_check.changes(open_, late, CREATED_MS) == {f":{ID}": Check(CHECKS, CREATED_MS)}


def test_what_never_says_when_it_ends_is_given_up_after_forty_days() -> None:
    day = 86_400_000
    endless = books(unpaid(time_expire=None))
    assert next_check.of_charge(endless, endless.charges[0], CREATED_MS + 40 * day) is not None
    assert next_check.of_charge(endless, endless.charges[0], CREATED_MS + 40 * day + 1) is None
    pending = refund_object(status="pending", succeed=False, time_succeed=None)
    payment, began_ms = books(charge_object(), pending), 1000 * pending["created"]
    found = [next_check.of_member(payment, f":{ID}", began_ms + days * day) for days in (2, 40, 41)]
    hourly = [Check(CHECKS, began_ms + days * day + 3_600_000) for days in (2, 40)]
    assert found == [*hourly, None]


def test_a_reversal_that_is_over_due_is_looked_at_now() -> None:
    payment = made_here("isv_scan")
    late_ms = CREATED_MS + 61_000
    assert next_check.of_charge(payment, payment.charges[0], late_ms) == Check(CHECKS_NOW, late_ms)


def test_a_payment_that_did_not_change_and_an_attempt_that_ended_set_nothing() -> None:
    payment = books(unpaid())
    assert next_check.changes(payment, payment, CREATED_MS) == {}
    ended = Attempt("at_1", "x", "alipay_qr", "d", 1, 2, failure=Failure("no", "no"))
    assert (
        next_check.of_member(replace(payment, attempts=(ended,)), f"+at_1:{payment.name}", CREATED_MS) is None
    )
