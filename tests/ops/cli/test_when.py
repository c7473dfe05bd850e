"""What a person means by a point in time."""

import pytest

from ops.cli import when


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("90m", 1_699_994_600), ("24h", 1_699_913_600), ("7d", 1_699_395_200), ("2w", 1_698_790_400),
        ("0s", 1_700_000_000), ("2023-11-15", 1_700_006_400), ("2023-11-14T22:13:20Z", 1_700_000_000),
        ("2023-11-15T06:13:20+08:00", 1_700_000_000), ("9999w", 0),
    ],
)  # fmt: skip
def test_points_in_time(text: str, meant: int) -> None:
    assert when.read_when(text).at(1_700_000_000) == meant
