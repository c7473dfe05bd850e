"""How a sweep stands that a person asked for, and for which apps one can be asked."""

from payments.dead_letters import letters
from payments.keys import SWEEPS
from payments.reconciliation import reports, run
from payments.reconciliation.run import Standing, apps_of_old, letter_of, standing
from payments.reconciliation.sweep import Progress
from payments.store import Store

ONE = Progress("reconcile", "app_1", 1, 2, began_at=3)
MEMBER = "run:r1"


def now_ms(store: Store) -> int:
    return store.client.time()[0] * 1000


def test_one_that_was_just_asked_for_waits(store: Store) -> None:
    reports.request(store, "r1", ONE)
    found = standing(store, "r1")
    assert (found.progress, found.report, found.letter, found.begun) == (ONE, None, None, False)
    assert (found.attempts, found.error, found.others_run) == (0, "", False)
    assert found.waits_ms > 0


def test_one_that_was_begun_has_a_lease_and_says_what_failed(store: Store) -> None:
    reports.request(store, "r1", ONE)
    store.client.zadd(store.keys.due(SWEEPS), {MEMBER: now_ms(store) + 30_000})
    store.client.hset(store.keys.attempts(SWEEPS), MEMBER, "2 5 no answer")
    found = standing(store, "r1")
    assert (found.begun, found.attempts, found.error) == (True, 2, "no answer")
    assert found.waits_ms < 0


def test_whether_the_worker_is_at_another_one(store: Store) -> None:
    reports.request(store, "r1", ONE)
    others = {"discover:app_1": now_ms(store) + 30_000, "reconcile:app_1": now_ms(store) + 3_600_000}
    store.client.zadd(store.keys.due(SWEEPS), others)
    assert not standing(store, "r1").others_run, "it waits for its next turn"
    store.client.hset(store.keys.attempts(SWEEPS), "reconcile:app_1", "1 5 ")
    assert not standing(store, "r1").others_run, "its turn is later than any lease"
    store.client.hset(store.keys.attempts(SWEEPS), "discover:app_1", "1 5 ")
    assert standing(store, "r1").others_run


def test_one_that_ended_has_its_report(store: Store) -> None:
    reports.request(store, "r1", ONE)
    reports.finish(store, MEMBER, ONE, report_id="r1", again_ms=0)
    assert standing(store, "r1") == Standing(None, ONE, None)


def test_one_that_failed_has_its_letter_and_how_far_it_was(store: Store) -> None:
    reports.request(store, "r1", ONE)
    id_ = letters.bury(store, SWEEPS, MEMBER, run.FAILED, attempts=10, last_error="refused")
    assert id_ == letter_of("r1")
    found = standing(store, "r1")
    assert found.letter is not None
    assert (found.letter.last_error, found.report) == ("refused", None)


def test_one_that_somebody_ended_is_nothing(store: Store) -> None:
    assert standing(store, "r1") == Standing()


def test_where_nothing_is_swept_by_itself_the_apps_are_those_of_old(store: Store) -> None:
    assert apps_of_old(store) == set()
    store.client.set("swept:discover:app_1", 1)
    store.client.set("swept:reconcile:app_2", 1)
    store.client.set("swept:day:app_9", "2026-01-01")
    store.client.zadd(store.keys.payments, {"app_3:a:b": 1, "app_3:c": 2})
    assert apps_of_old(store) == {"app_1", "app_2", "app_3"}
