"""Times as others see them: RFC 3339 in UTC, and nothing where no calendar holds them."""

import pytest

from payments.times import at_ms, rfc3339, rfc3339_ms

BEYOND = 10**15  # seconds: the year 31 million


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0, "1970-01-01T00:00:00Z"),
        (1_700_000_000, "2023-11-14T22:13:20Z"),
        (1_709_164_800, "2024-02-29T00:00:00Z"),
        (-1, "1969-12-31T23:59:59Z"),
        (None, None),
        (BEYOND, None),
        (-BEYOND, None),
    ],
)
def test_seconds(seconds: int | None, said: str | None) -> None:
    assert rfc3339(seconds) == said


def test_milliseconds_are_cut_to_their_second() -> None:
    assert rfc3339_ms(1_700_000_000_999) == "2023-11-14T22:13:20Z"


def test_or_shown_as_they_are() -> None:
    assert at_ms(1_700_000_000_123) == "2023-11-14T22:13:20.123Z"
    assert at_ms(1_700_000_000_123.0, to="seconds") == "2023-11-14T22:13:20Z"
    assert at_ms(None) is None
    assert at_ms(1000.0 * BEYOND) is None
