"""Reads points in time as people type them: RFC 3339, a date, or how long ago."""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime

DAY_S = 86_400
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": DAY_S, "w": 7 * DAY_S}


@dataclass(frozen=True, slots=True)
class When:
    """A point in time in Unix seconds; with `ago`, so many seconds before now."""

    seconds: int
    ago: bool = False

    def at(self, now: int) -> int:
        """The point in time in Unix seconds, seen from `now`."""
        return max(0, now - self.seconds if self.ago else self.seconds)


def read_when(text: str) -> When:
    """Read `90m`, `24h`, `7d`, a date (its beginning in UTC) or RFC 3339 with a zone. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text)
    if found:
        return When(int(found[1]) * _UNITS[found[2]], ago=True)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        day = date.fromisoformat(text)
        return When(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it names no zone, such as Z or +08:00")
    return When(int(at.timestamp()))
