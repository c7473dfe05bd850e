"""The row of the channels' table: what it can say of a channel."""

from dataclasses import dataclass
from typing import Literal

from payments.channels.rules import DAY, HOUR, MINUTE, Field, Rule, Text

Credential = Literal[
    "https URL", "weixin URL", "digits", "link of the wallet", "URL of a payment page", "nothing", "unknown"
]
Shown = Literal["QR to the payer", "Charge to the client", "nothing"]


@dataclass(frozen=True, slots=True)
class Watch:
    """How an open charge is asked about: the gaps in seconds, the last of which repeats; at the age of
    `reverse_after` it is reversed, where that is None it is asked about until after `time_expire`.
    """

    name: Literal["ordinary", "close_by"]
    gaps: tuple[int, ...]
    reverse_after: int | None = None


# From creation to the first, then between them. Settings can say otherwise (`payments/books/next_check.py`).
ORDINARY = Watch("ordinary", (15, 15, 30, 60, 120, 300, 600))
# QR guide, for isv_*: every 5 s for about 60 s, then reverse. The other scan channels have a customer at the
# till just the same, who may be typing a password.
CLOSE_BY = Watch("close_by", (5,), 60)


@dataclass(frozen=True, slots=True)
class Window:
    """For how long a paid charge can be reversed: so many seconds, or to the end of a day of Chinese time that
    begins at an hour of the calendar day before (0: with the calendar day).
    """

    words: str
    seconds: int | None = None
    begins_before: int = 0  # hours

    def is_open(self, time_paid: float, now: float) -> bool:
        """Whether it is still open. Times in Unix seconds."""
        if self.seconds is not None:
            return now - time_paid <= self.seconds
        shift = (8 + self.begins_before) * HOUR  # China has one time zone, and no summer time since 1991
        return (time_paid + shift) // DAY == (now + shift) // DAY


SUBJECT, BODY = Text(1, 32), Text(1, 128)  # Ping++ docs


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of the table; the defaults are Ping++'s rules for all channels. Durations in seconds."""

    name: str
    order_no: Text
    currency: Rule
    credential: Credential
    shown: Shown
    extra: tuple[Field, ...] = ()
    subject: Text = SUBJECT
    body: Text = BODY
    expires: int = DAY  # where time_expire is left out
    expires_least: int = MINUTE
    expires_most: int = 15 * DAY
    watch: Watch = ORDINARY
    reverse: Literal["never", "unpaid", "also_paid"] = "never"
    window: Window | None = None  # of paid charges; None: not known, so Ping++ decides
    # Ping++ docs: plain WeChat cannot be closed right after creation, so an early refusal is not the last word.
    reverse_may_be_early: bool = False
    known: bool = True

    def reversible(self, *, paid: bool, time_paid: float, now: float) -> bool:
        """Whether a charge can be reversed now; `time_paid` matters for a paid one only. Times in Unix seconds."""
        if not paid:
            return self.reverse != "never"
        return self.reverse == "also_paid" and (self.window is None or self.window.is_open(time_paid, now))
