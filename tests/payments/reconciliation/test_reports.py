"""What sweeps leave in Redis: steps, marks and reports."""

from typing import Any

import pytest
from msgspec.structs import replace

from payments.books import ledger, message
from payments.books.fold import fold
from payments.books.join import Decision
from payments.books.payment import Payment
from payments.keys import CHECKS, SWEEPS
from payments.pingpp.sighting import of_charge
from payments.reconciliation import reports
from payments.reconciliation.reports import RECONCILE
from payments.reconciliation.sweep import Progress
from payments.store import Store
from tests.conftest import charge_object, unpaid

APP, MEMBER, DAY = "app_1Gqj58ynP0mHeX1q", "reconcile:app_1Gqj58ynP0mHeX1q", 86_400
ONE = Progress(RECONCILE, APP, 1_700_000_000, 1_700_003_600, began_at=1_700_003_600)


def due(store: Store) -> dict[str, float]:
    found: Any = store.client.zrange(store.keys.due(SWEEPS), 0, -1, withscores=True)
    return {member.decode(): score for member, score in found}


def test_a_step_is_kept_with_the_lease(store: Store) -> None:
    assert reports.progress_of(store, MEMBER) is None
    store.client.zadd(store.keys.due(SWEEPS), {MEMBER: 1})
    step = replace(ONE, compared=7, cursor="ch_7", at_low=("ch_7",))
    before = store.client.time()[0] * 1000
    reports.save(store, MEMBER, step, 60_000)
    assert reports.progress_of(store, MEMBER) == step
    assert due(store)[MEMBER] >= before + 60_000


def test_one_that_was_dropped_meanwhile_does_not_come_back(store: Store) -> None:
    reports.request(store, "r1", ONE)
    assert due(store) == {"run:r1": 0}
    reports.drop(store, "run:r1")
    reports.save(store, "run:r1", ONE, 60_000)
    assert due(store) == {}


def test_the_end_of_a_sweep_moves_its_mark_and_leaves_a_report(store: Store) -> None:
    store.client.zadd(store.keys.due(SWEEPS), {MEMBER: 1})
    store.client.hset(store.keys.attempts(SWEEPS), MEMBER, "1 5 ")
    reports.save(store, MEMBER, ONE, 1)
    ended = replace(ONE, ended_at=1_700_003_700)
    before = store.client.time()[0] * 1000
    reports.finish(store, MEMBER, ended, report_id="r1", again_ms=3_600_000)
    assert reports.progress_of(store, MEMBER) is None
    assert not store.client.exists(store.keys.attempts(SWEEPS))
    assert store.client.get(f"swept:reconcile:{APP}") == b"1700003600"
    assert reports.get(store, "r1") == ended
    assert due(store)[MEMBER] >= before + 3_600_000


def test_what_a_person_asked_for_ends_without_a_mark_and_does_not_come_again(store: Store) -> None:
    reports.request(store, "r1", ONE)
    reports.finish(store, "run:r1", ONE, report_id=None, again_ms=0)
    assert due(store) == {}
    assert store.client.keys() == []


def test_reports_are_listed_newest_first_and_the_oldest_are_displaced(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reports, "KEPT", 3)
    for n in range(5):
        reports.finish(store, f"run:r{n}", replace(ONE, compared=n), report_id=f"r{n}", again_ms=0)
    assert [(id_, one.compared) for id_, one in reports.newest(store, 9)] == [("r4", 4), ("r3", 3), ("r2", 2)]
    assert [id_ for id_, _ in reports.newest(store, 1)] == ["r4"]
    assert reports.get(store, "r0") is None
    store.client.flushall()
    assert reports.newest(store, 9) == []


def look_at(store: Store, charge: dict[str, Any]) -> None:
    """Take it into the books."""
    seen = of_charge(charge, "webhook", 1)

    def decide(payment: Payment, _: int) -> Decision:
        folded = fold(payment, seen)
        return Decision(folded.payment, message.of_fold(folded, seen))

    ledger.change(store, f"{APP}:{charge['order_no']}", decide, charge=seen.charge_id)


def test_the_oldest_open_charge_of_an_app(store: Store) -> None:
    assert reports.oldest_open(store, APP) is None
    for charge in (charge_object(1), unpaid(2, created=300), unpaid(3, created=200)):
        look_at(store, charge)
        store.client.zadd(store.keys.due(CHECKS), {f":{charge['id']}": 1, "+at_1:app:x": 1})
    assert reports.oldest_open(store, APP) == 200
    assert reports.oldest_open(store, "app_2") is None


def test_a_day_that_ended_is_told_once(store: Store) -> None:
    now = 1_700_006_400  # 2023-11-15 00:00 UTC
    found: list[tuple[str, dict[str, Any]]] = [("old", {"ended_at": now - DAY, "missed": 9}), ("a", {"ended_at": now - 5, "missed": 1}),
             ("b", {"ended_at": now - 4, "refunds": 2, "unknown": 1}), ("dry", {"ended_at": now, "missed": 9, "dry_run": True}),
             ("other", {"ended_at": now, "missed": 9, "app": "app_2"})]  # fmt: skip
    for id_, changes in found:
        reports.finish(store, f"run:{id_}", replace(ONE, **changes), report_id=id_, again_ms=0)
    assert reports.day_that_ended(store, APP, now - 1) is None, (
        "that of the first start has not been watched whole"
    )
    assert reports.day_that_ended(store, APP, now) == {
        "matches": False,
        "reports": 3,
        "missed": 1,
        "refunds": 2,
        "disputed": 0,
        "unknown": 1,
    }
    assert reports.day_that_ended(store, APP, now + 5) is None
    quiet = reports.day_that_ended(store, APP, now + 2 * DAY)
    assert quiet is not None
    assert (quiet["matches"], quiet["reports"]) == (True, 0)


def test_ids_sort_by_time_and_differ_within_a_second() -> None:
    first, same, later = (reports.new_id(second) for second in (1_700_000_000, 1_700_000_000, 1_700_000_001))
    assert first.startswith("20231114T221320-")
    assert first != same
    assert max(first, same) < later
