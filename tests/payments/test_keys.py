"""The names in Redis: other tools and later releases rely on them, so each stands here once more, as it is promised."""

import inspect
from collections.abc import Callable

import pytest

from payments.keys import ASKS, CHECKS, CHECKS_NOW, DUE_SETS, EVENTS, SWEEPS, Keys

PROMISED: dict[str, Callable[[Keys], str]] = {
    "event:evt_1:ch_1": lambda keys: keys.event("evt_1:ch_1"),
    "body:evt_1:ch_1": lambda keys: keys.body("evt_1:ch_1"),
    "payment:app_1:order1": lambda keys: keys.payment("app_1:order1"),
    "charge:ch_1": lambda keys: keys.charge("ch_1"),
    "payments": lambda keys: keys.payments,
    "due:events": lambda keys: keys.due(EVENTS),
    "attempts:events": lambda keys: keys.attempts(EVENTS),
    "bell:events": lambda keys: keys.bell(EVENTS),
    "checkout:token": lambda keys: keys.checkout("token"),
    "charges:app_1": lambda keys: keys.charges("app_1"),
    "hastened:app_1:order1": lambda keys: keys.hastened("app_1:order1"),
    "pace": lambda keys: keys.pace,
    "in_flight": lambda keys: keys.in_flight,
    "sweep:discover:app_1": lambda keys: keys.sweep("discover:app_1"),
    "report:r1": lambda keys: keys.report("r1"),
    "reports": lambda keys: keys.reports,
    "swept:reconcile:app_1": lambda keys: keys.swept("reconcile", "app_1"),
    "watch_from": lambda keys: keys.watch_from(),
    "watch_from:app_1": lambda keys: keys.watch_from("app_1"),
    "recent_events": lambda keys: keys.recent_events,
    "kept_aside": lambda keys: keys.kept_aside,
    "dead_letters": lambda keys: keys.dead_letters,
    "dead_letter:dl_1": lambda keys: keys.dead_letter("dl_1"),
    "fulfilment": lambda keys: keys.fulfilment,
}


@pytest.mark.parametrize("name", PROMISED)
def test_a_key_has_its_promised_name_after_the_prefix(name: str) -> None:
    assert PROMISED[name](Keys()) == name
    assert PROMISED[name](Keys("{shop1}:")) == f"{{shop1}}:{name}"


def test_every_key_is_promised() -> None:
    spelled = {name for name in vars(Keys) if not name.startswith("_")} - {"prefix"}
    source = inspect.getsource(inspect.getmodule(test_every_key_is_promised) or Keys)
    assert {name for name in spelled if f"keys.{name}" not in source} == set()


def test_the_due_sets_are_these() -> None:
    assert DUE_SETS == (EVENTS, ASKS, CHECKS_NOW, CHECKS, SWEEPS)
    assert DUE_SETS == ("events", "asks", "checks_now", "checks", "sweeps")
