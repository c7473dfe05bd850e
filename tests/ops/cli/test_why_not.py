"""What to look at when a payment got stuck on its way."""

from collections.abc import Callable

import pytest

from tests.conftest import charge_object, event_body
from tests.ops.cli.conftest import Sandbox, System


def nothing(_: System) -> None:
    pass


def accepted(system: System) -> None:
    system.accept(event_body(charge_object(1), number=1))


def dead(system: System) -> None:
    system.dead(event_body(charge_object(1), number=1, livemode=False))


def asked(system: System) -> None:
    system.apply(event_body(charge_object(1), number=1, livemode=False))


def kept_aside(system: System) -> None:
    system.apply(event_body(charge_object(1, livemode=False), number=1, livemode=False))


STUCK = [
    (nothing, "webhook accepted", "answered 401"),
    (accepted, "message on the fulfilment stream", "waits to be applied"),
    (dead, "message on the fulfilment stream", "dead-letters show dl_"),
    (asked, "message on the fulfilment stream", "livemode_conflict"),
    (kept_aside, "message on the fulfilment stream", "PINGPP_APP_IDS"),
]


@pytest.mark.parametrize("stuck", STUCK, ids=[happens.__name__ for happens, *_ in STUCK])
def test_smoke_says_what_did_not_happen_and_what_to_look_at(
    system: System,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    stuck: tuple[Callable[[System], None], str, str],
) -> None:
    happens, step, look_at = stuck
    monkeypatch.setattr("ops.cli.smoke.WITHIN_S", 0.3)
    sandbox.deliveries = [{"attempt": 2, "status": 401, "error": None}]
    sandbox.then = lambda: happens(system)
    answer = system.run("smoke")
    assert answer.status == 1
    assert "not seen" in answer.out
    assert f"had not happened: {step}" in answer.err
    assert look_at in answer.err
