"""`trigger` has the sandbox make payments, and says how to watch them."""

import pytest

from tests.ops.cli.conftest import ANSWER, PLANNED, Sandbox, System


def test_what_was_made_is_said_and_how_to_watch_it(system: System, sandbox: Sandbox) -> None:
    answer = system.run("trigger charge.succeeded")
    assert answer.status == 0
    assert sandbox.asked == [{"type": "charge.succeeded", "count": 1}]
    assert PLANNED["event_id"] in answer.out
    assert "order00000001" in answer.out
    assert "pingpp-ingest fulfilment tail" in answer.err
    assert "pingpp-ingest payments show order00000001" in answer.err
    assert system.run("trigger charge.succeeded --json").json == ANSWER


def test_options_are_passed_on(system: System, sandbox: Sandbox) -> None:
    sandbox.answer = (202, {"count": 2000, "first": ANSWER["events"][0], "last": ANSWER["events"][0]})  # type: ignore[index]
    answer = system.run("trigger refund.succeeded --count 2000 --rate 50.5 --app app_1 --live")
    assert answer.status == 0
    assert sandbox.asked == [
        {"type": "refund.succeeded", "count": 2000, "rate": 50.5, "app": "app_1", "livemode": True}
    ]
    assert "first and the last of 2000" in answer.err


@pytest.mark.parametrize(
    "line",
    [
        "trigger",
        "trigger a --count 0",
        "trigger a --rate 0",
        "trigger a --rate inf",
        "trigger a --colour red",
    ],
)
def test_wrong_use_asks_nobody(system: System, sandbox: Sandbox, line: str) -> None:
    answer = system.run(line)
    assert (answer.status, answer.out) == (2, "")
    assert sandbox.asked == []
