"""The row of the channels' table: everything that the table can say of a channel."""

from dataclasses import dataclass
from typing import Literal

from payments.channels.rules import DAY, HOUR, MINUTE, Field, Rule, Text

Credential = Literal[
    "https URL", "weixin URL", "digits", "link of the wallet", "URL of a payment page", "nothing", "unknown"
]
Shown = Literal["QR to the payer", "Charge to the client", "nothing"]


@dataclass(frozen=True, slots=True)
class Watch:
    """How often Ping++ is asked about an open charge, and when we reverse it."""

    name: Literal["ordinary", "close_by"]
    #: seconds: from creation to the first look, then between looks; the last repeats
    gaps: tuple[int, ...]
    #: age in seconds at which it is reversed; None: it is asked about until after `time_expire`
    reverse_after: int | None = None


# Settings can say otherwise (`payments/books/next_check.py`).
ORDINARY = Watch("ordinary", (15, 15, 30, 60, 120, 300, 600))
# QR guide, for isv_*: every 5 s for about 60 s, then reverse. On the other scan channels a customer stands at
# the till in the same way, and may be typing a password.
CLOSE_BY = Watch("close_by", (5,), 60)


@dataclass(frozen=True, slots=True)
class Window:
    """For how long a paid charge can be reversed: for so many seconds, or to the end of the day in China."""

    words: str
    #: seconds after the payment; None: to the end of the day
    seconds: int | None = None
    #: hours before midnight at which the day begins, as UnionPay's does at 23:00
    begins_before: int = 0

    def is_open(self, time_paid: float, now: float) -> bool:
        """Whether a charge can still be reversed. Times in Unix seconds."""
        if self.seconds is not None:
            return now - time_paid <= self.seconds
        shift = (8 + self.begins_before) * HOUR  # China has one time zone, and no summer time since 1991
        return (time_paid + shift) // DAY == (now + shift) // DAY


SUBJECT, BODY = Text(1, 32), Text(1, 128)  # Ping++ docs


@dataclass(frozen=True, slots=True)
class Channel:
    """One row of the table. The defaults are Ping++'s rules for all channels (Ping++ docs: create a Charge)."""

    name: str
    order_no: Text
    currency: Rule
    #: what `credential[channel]` of a Charge is
    credential: Credential
    #: who is shown what of it
    shown: Shown
    #: members of `extra`
    extra: tuple[Field, ...] = ()
    subject: Text = SUBJECT
    body: Text = BODY
    #: seconds from creation to `time_expire`: where it is left out, at least, at most
    expires: int = DAY
    expires_least: int = MINUTE
    expires_most: int = 15 * DAY
    watch: Watch = ORDINARY
    #: which charges can be reversed
    reverse: Literal["never", "unpaid", "also_paid"] = "never"
    #: for how long a paid charge can; None: not known, so Ping++ decides
    window: Window | None = None
    #: Ping++ docs: plain WeChat cannot be closed right after creation, so an early refusal is not final
    reverse_may_be_early: bool = False
    #: it stands in the table
    known: bool = True

    def reversible(self, *, paid: bool, time_paid: float, now: float) -> bool:
        """Whether a charge can be reversed now; `time_paid` matters for a paid one only. Times in Unix
        seconds.
        """
        if not paid:
            return self.reverse != "never"
        return self.reverse == "also_paid" and (self.window is None or self.window.is_open(time_paid, now))
