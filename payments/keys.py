"""Every key that we write in Redis, one function each; RQ's own keys stand under `KEY_PREFIX` + `rq`.

Names and types are an outside interface: other tools and later releases read them.
"""

from dataclasses import dataclass

# What waits for work, each in a due set of its own, with an RQ queue of the same name.
EVENTS = "events"
ASKS = "asks"
CHECKS_NOW = "checks_now"  # checks for which a shopper or a till waits
CHECKS = "checks"
SWEEPS = "sweeps"
DUE_SETS = (EVENTS, ASKS, CHECKS_NOW, CHECKS, SWEEPS)  # those that have a job, see `workers/jobs.py`


@dataclass(frozen=True, slots=True)
class Keys:
    """Spells the keys of one installation; `prefix` is KEY_PREFIX."""

    prefix: str = ""

    def event(self, member: str) -> str:
        """Hash: time received (ms), times seen, digest of the body, what was odd, why it was kept aside.
        Lives as long as the dedupe memory.
        """
        return f"{self.prefix}event:{member}"

    def body(self, member: str) -> str:
        """String: the raw body. Lives while the event waits or is a dead letter, then for the raw retention."""
        return f"{self.prefix}body:{member}"

    def payment(self, payment: str) -> str:
        """String: the token (16 bytes), then the JSON document. Lives until archived."""
        return f"{self.prefix}payment:{payment}"

    def charge(self, charge_id: str) -> str:
        """String: the payment, as `<app>:<order_no>`, that the charge is tied to. Lives as the payment."""
        return f"{self.prefix}charge:{charge_id}"

    def due(self, due_set: str) -> str:
        """Sorted set: members that wait, by when they are due (ms, Redis's clock). Lives while there is work."""
        return f"{self.prefix}due:{due_set}"

    def attempts(self, due_set: str) -> str:
        """Hash: `<attempts begun> <waits since, ms> <last error>`, by member. Lives while there is work."""
        return f"{self.prefix}attempts:{due_set}"

    def bell(self, due_set: str) -> str:
        """String with a TTL: set while an RQ job is on its way to the due set."""
        return f"{self.prefix}bell:{due_set}"

    def dead_letter(self, letter_id: str) -> str:
        """Hash: one dead letter (`payments/dead_letters/letters.py` names its fields). Lives until a person
        ends it.
        """
        return f"{self.prefix}dead_letter:{letter_id}"

    @property
    def dead_letters(self) -> str:
        """Sorted set: ids of dead letters by the time (ms) of their last trouble."""
        return f"{self.prefix}dead_letters"

    def checkout(self, token: str) -> str:
        """String: the payment, as `<app>:<order_no>`, whose checkout has this token. Lives as the payment."""
        return f"{self.prefix}checkout:{token}"

    def hastened(self, payment: str) -> str:
        """String with a TTL: the next look at this payment was brought forward just now. Lives some seconds."""
        return f"{self.prefix}hastened:{payment}"

    def charges(self, app: str) -> str:
        """Sorted set: ids of an app's charges in the books, by when Ping++ created them (s). Lives as the
        payments.
        """
        return f"{self.prefix}charges:{app}"

    def sweep(self, member: str) -> str:
        """String: how far a sweep is (JSON of `sweep.Progress`), by its member in the due set. Lives until it
        ends.
        """
        return f"{self.prefix}sweep:{member}"

    def report(self, report_id: str) -> str:
        """String: the report of a sweep that ended (JSON). Lives until newer reports take its place."""
        return f"{self.prefix}report:{report_id}"

    @property
    def reports(self) -> str:
        """Sorted set: ids of reports by when they ended (ms)."""
        return f"{self.prefix}reports"

    def swept(self, kind: str, app: str) -> str:
        """String: up to when (s) sweeps of this kind have compared everything of an app. Lives for ever."""
        return f"{self.prefix}swept:{kind}:{app}"

    def watch_from(self, app: str = "") -> str:
        """String: when (s) the system was started for the first time, or began to sweep an app. Lives for
        ever.
        """
        return f"{self.prefix}watch_from:{app}" if app else f"{self.prefix}watch_from"

    @property
    def payments(self) -> str:
        """Sorted set: payments, as `<app>:<order_no>`, by the time (ms) of their first sighting."""
        return f"{self.prefix}payments"

    @property
    def fulfilment(self) -> str:
        """Stream: one entry a message, its one field `event` a CloudEvents JSON document."""
        return f"{self.prefix}fulfilment"

    @property
    def recent_events(self) -> str:
        """List: members of the latest events received, newest first, cut to `inbox.RECENT`."""
        return f"{self.prefix}recent_events"

    @property
    def pace(self) -> str:
        """Hash: the token bucket of the calls to Ping++, and by how much their pace is lowered. Lives for
        ever.
        """
        return f"{self.prefix}pace"

    @property
    def in_flight(self) -> str:
        """Sorted set: calls to Ping++ under way, by when their lease ends (ms). Lives while there are any."""
        return f"{self.prefix}in_flight"

    @property
    def kept_aside(self) -> str:
        """Hash: how many events were kept aside because they are not ours, by reason. Lives for ever."""
        return f"{self.prefix}kept_aside"
