"""One line for a group that was stored, and for each refusal up to a rate."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
from structlog.testing import capture_logs

from ingest import log
from ingest.log import LINES_PER_SECOND, ReceiverLog
from ingest.webhooks import Answer
from payments.inbox.accept import Stored

BAD = Answer(401, "bad_signature", "It is not right.")
BROKEN = Answer(500, "not_stored", "Send it again.")


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    with capture_logs() as found:
        yield found


@pytest.fixture
def second(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The second that it is, by a clock that stands still."""
    now = [100.5]
    monkeypatch.setattr("ingest.log.time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_a_group_is_one_line_with_its_ids(lines: list[Any]) -> None:
    told = ReceiverLog()
    told.stored([("evt_1:ch_1", Stored.NEW), ("evt_2:ch_2", Stored.DUPLICATE), ("evt_3:ch_3", Stored.NEW)])
    told.stored([("evt_1:ch_1", Stored.DUPLICATE)])
    assert lines == [
        {"event": "accepted", "log_level": "info", "events": ["evt_1:ch_1", "evt_3:ch_3"], "duplicates": ["evt_2:ch_2"]},
        {"event": "accepted", "log_level": "info", "duplicates": ["evt_1:ch_1"]},
    ]  # fmt: skip


def test_another_body_and_an_id_used_again_are_warned_of(lines: list[Any]) -> None:
    told = ReceiverLog()
    told.stored([("evt_1:ch_1", Stored.VARIANT), ("evt_1:ch_1~abcd", Stored.NEW), ("~ab", Stored.NEW)])
    told.stored([("evt_1:ch_1", Stored.NEW), ("evt_1:ch_2", Stored.NEW)])
    warned = [line for line in lines if line["log_level"] == "warning"]
    assert [line["event"] for line in warned] == [
        "same event, other body",
        "event id used again for another object",
    ]
    assert warned[0]["member"] == "evt_1:ch_1"
    assert (warned[1]["event_id"], warned[1]["objects"]) == ("evt_1", ["ch_1", "ch_2"])


def test_ids_are_remembered_for_a_while_and_not_for_ever(
    lines: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "REMEMBERED", 3)
    told = ReceiverLog()
    for n in range(9):
        told.stored([(f"evt_{n}:ch", Stored.NEW)])
    told.stored([("evt_7:other", Stored.NEW), ("evt_0:other", Stored.NEW)])
    assert [line["event_id"] for line in lines if line["log_level"] == "warning"] == ["evt_7"]


@pytest.mark.usefixtures("second")
def test_a_refusal_is_a_line_with_its_code_and_how_often(lines: list[Any]) -> None:
    told = ReceiverLog()
    told.refuse(BAD, "")
    told.refuse(BAD, "")
    told.refuse(BROKEN, "Redis away")
    assert lines == [
        {"event": "refused", "log_level": "warning", "outcome": "bad_signature", "status": 401, "so_far": 1},
        {"event": "refused", "log_level": "warning", "outcome": "bad_signature", "status": 401, "so_far": 2},
        {"event": "refused", "log_level": "error", "outcome": "not_stored", "status": 500, "so_far": 1, "error": "Redis away"},
    ]  # fmt: skip
    assert told.refused == {"bad_signature": 2, "not_stored": 1}


def test_who_knocks_all_the_time_does_not_fill_the_disk(lines: list[Any], second: list[float]) -> None:
    told = ReceiverLog()
    for _ in range(LINES_PER_SECOND + 5):
        told.refuse(BAD, "")
    assert len(lines) == LINES_PER_SECOND
    second[0] += 1
    told.refuse(BAD, "")
    assert (lines[-1]["not_shown"], lines[-1]["so_far"]) == ("5", LINES_PER_SECOND + 6)
    told.refuse(BAD, "")
    assert "not_shown" not in lines[-1]
