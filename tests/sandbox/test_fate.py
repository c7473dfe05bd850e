"""Which call meets which fate, and in which order."""

from typing import Any

import msgspec
import pytest

from sandbox.fate import Fate, Fates


@pytest.mark.parametrize(
    ("fate", "met"),
    [
        (Fate(do="error"), {"GET /v1/charges", "POST /v1/charges", "POST /v1/charges/ch_1/reverse"}),
        (Fate(do="error", method="POST"), {"POST /v1/charges", "POST /v1/charges/ch_1/reverse"}),
        (Fate(do="error", path="/v1/charges$"), {"GET /v1/charges", "POST /v1/charges"}),
        (Fate(do="error", path="/v1/charges/.*/reverse"), {"POST /v1/charges/ch_1/reverse"}),
        (Fate(do="error", path="charges"), set()),  # it fits the beginning
    ],
)
def test_which_calls_are_met(fate: Fate, met: set[str]) -> None:
    calls = ("GET /v1/charges", "POST /v1/charges", "POST /v1/charges/ch_1/reverse", "GET /sandbox/next")
    assert {call for call in calls if fate.meets(*call.split())} == met


def test_each_is_used_up_in_its_turn() -> None:
    fates = Fates()
    first, twice, other = (
        Fate(do="error", method="POST"),
        Fate(do="lose_answer", times=2),
        Fate(do="hang", method="GET"),
    )
    for one in (first, twice, other):
        fates.add(one)
    taken = [fates.take("GET", "/v1/x"), fates.take("POST", "/v1/x"), fates.take("POST", "/v1/x")]
    assert [one and one.do for one in taken] == ["lose_answer", "error", "lose_answer"]
    assert fates.waiting() == [other]
    assert fates.take("POST", "/v1/x") is None
    fates.forget()
    assert fates.take("GET", "/v1/x") is None


@pytest.mark.parametrize(
    ("fate", "seconds"),
    [(Fate(do="hang"), 60.0), (Fate(do="delay"), 0.0), (Fate(do="hang", delay_ms=150), 0.15), (Fate(do="delay", delay_ms=0), 0.0)],
)  # fmt: skip
def test_how_long_it_takes(fate: Fate, seconds: float) -> None:
    assert fate.seconds == seconds


@pytest.mark.parametrize(
    "wrong",
    [{}, {"do": "explode"}, {"do": "error", "status": 200}, {"do": "error", "times": 0}, {"do": "error", "path": "("},
     {"do": "error", "method": "post"}, {"do": "delay", "delay_ms": -1}, {"do": "error", "unknown": 1}],
)  # fmt: skip
def test_a_wish_that_makes_no_sense_is_none(wrong: dict[str, Any]) -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert(wrong, Fate)
