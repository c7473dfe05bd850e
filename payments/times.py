"""Writes times for the outside: RFC 3339 in UTC."""

from datetime import UTC, date, datetime, timedelta
from functools import lru_cache


def at_ms(milliseconds: float | None, to: str = "milliseconds") -> str | None:
    """Unix milliseconds as RFC 3339 in UTC, to the millisecond or `to` the "seconds". None stays None."""
    if milliseconds is None:
        return None
    try:
        at = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return None
    return at.isoformat(timespec=to).replace("+00:00", "Z")


def rfc3339(seconds: int | None) -> str | None:
    """Unix seconds as RFC 3339 in UTC; None for None, and for a year that no calendar has."""
    if seconds is None:
        return None
    days, rest = divmod(seconds, 86_400)
    day = _day(days)
    return day and f"{day}T{rest // 3600:02}:{rest // 60 % 60:02}:{rest % 60:02}Z"


@lru_cache(maxsize=64)  # each message has four times, and nearly all lie within a few days
def _day(days: int) -> str | None:
    try:
        return (date(1970, 1, 1) + timedelta(days)).isoformat()
    except OverflowError:
        return None


def rfc3339_ms(milliseconds: int) -> str | None:
    """The same from milliseconds."""
    return rfc3339(milliseconds // 1000)
