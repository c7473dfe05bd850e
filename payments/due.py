"""Due sets: everything that waits for work. A worker claims members with a lease, so one that dies needs no
clean-up.

*Claim* counts the attempt before the work. *Done* is part of the script that records the effect (record.lua,
park.lua, bury.lua). *Later* puts off. Working twice is harmless, because the ledger is a join.
"""

import random
from dataclasses import dataclass

from payments.keys import ASKS, CHECKS, CHECKS_NOW, EVENTS, SWEEPS
from payments.scripts import script
from payments.store import Store

_claim = script(__file__, "claim")
_later = script(__file__, "later")

# Longer than the work takes, calls to Ping++ included. A shopper waits for what is in CHECKS_NOW, so its
# lease is short: a look that takes longer is made twice, which is harmless.
LEASE_MS = {EVENTS: 10_000, ASKS: 60_000, CHECKS_NOW: 20_000, CHECKS: 60_000, SWEEPS: 60_000}
ATTEMPTS = 10  # far more than the number of crashed workers that one event meets by chance
_DELAYS = (1, 2, 5, 15, 60, 300, 900, 1800, 3600)  # seconds after each failed attempt, before jitter


@dataclass(frozen=True, slots=True)
class Claimed:
    """A member that is lent to this worker for the length of the lease."""

    member: str
    #: since when it waits in this due set; for an event: when it was received
    since_ms: int
    #: attempts begun, this one included
    attempts: int
    last_error: str

    @property
    def used_up(self) -> bool:
        """Whether it had all its attempts: then it becomes a dead letter without being worked on."""
        return self.attempts > ATTEMPTS


@dataclass(frozen=True, slots=True)
class Errand:
    """A member that is worked on, the due set that lent it, and when (ms, Redis's clock)."""

    due_set: str
    member: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Claim:
    """The members that one claim brought, and when (ms, Redis's clock)."""

    now_ms: int
    members: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """A member to put off, and for how long."""

    member: str
    delay_ms: int
    error: str = ""
    #: set its attempts back to 0: the failure was outside us
    count_back: bool = False


def claim(store: Store, due_set: str, n: int, *, first: bool, tried_first: bool = False) -> Claim:
    """Claim up to `n` due members. The `first` claim of a drain unsets the bell. Raises RedisError.

    A member that was tried before comes alone: before all others where `tried_first`, else after them.
    """
    answer = _claim(
        store.client,
        [store.keys.due(due_set), store.keys.attempts(due_set), store.keys.bell(due_set)],
        [n, LEASE_MS[due_set], int(first), ATTEMPTS, int(tried_first)],
    )
    members = tuple(
        Claimed(answer[i].decode(), answer[i + 1], answer[i + 2], answer[i + 3].decode())
        for i in range(1, len(answer), 4)
    )
    return Claim(answer[0], members)


def read_attempts(value: bytes | None) -> tuple[int, int | None, str]:
    """Read a field of `attempts:<due set>`: attempts begun, since when the member waits (ms), last error."""
    attempts, _, rest = (value or b"0").decode("utf-8", "replace").partition(" ")
    since, _, error = rest.partition(" ")
    return int(attempts), int(since) if since else None, error


def put_off(store: Store, due_set: str, members: list[Later]) -> None:
    """Put members off. A member that was done meanwhile stays done."""
    if not members:
        return
    arguments: list[str | int] = []
    for one in members:
        arguments += [one.member, one.delay_ms, one.error[:500], 1 if one.count_back else 0]
    _later(store.client, [store.keys.due(due_set), store.keys.attempts(due_set)], arguments)


def backoff_ms(attempts: int) -> int:
    """How long to wait after so many attempts: it grows, with jitter, so that not all come back at once."""
    seconds = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    return int(1000 * seconds * random.uniform(0.75, 1.25))  # noqa: S311  jitter is no secret


def backoff_by_age_ms(age_ms: int) -> int:
    """How long to wait after a failure outside us, where attempts are not counted. It grows with the member's
    age, from one second to one minute, so that work goes on within a minute after an outage.
    """
    return int(min(60_000, max(1_000, age_ms / 2)) * random.uniform(0.75, 1.0))  # noqa: S311  jitter is no secret


def waiting(store: Store, due_set: str) -> int:
    """How many members wait in a due set, due or not."""
    return int(store.client.zcard(store.keys.due(due_set)))
