"""Due sets: everything that waits for work, claimed with a lease; one that dies at it needs no clean-up.

*Claim* counts the attempt before the work. *Done* is part of whatever records the effect (record.lua,
park.lua, bury.lua). *Later* puts off. Running twice is harmless, because the ledger is a join.
"""

import random
from dataclasses import dataclass

from payments.keys import ASKS, CHECKS, CHECKS_NOW, EVENTS, SWEEPS
from payments.scripts import script
from payments.store import Store

_claim = script(__file__, "claim")
_later = script(__file__, "later")

# Longer than the work takes, calls of the gateway included. Somebody waits for what is in CHECKS_NOW: a look that
# takes longer is made twice, which is harmless.
LEASE_MS = {EVENTS: 10_000, ASKS: 60_000, CHECKS_NOW: 20_000, CHECKS: 60_000, SWEEPS: 60_000}
ATTEMPTS = 10  # far more than the crashes of workers that one event can meet by chance
_DELAYS = (1, 2, 5, 15, 60, 300, 900, 1800, 3600)  # seconds after each failed attempt, before jitter


@dataclass(frozen=True, slots=True)
class Claimed:
    """A member lent to us. `since_ms` is since when it waits in this due set: an event, since it was received."""

    member: str
    since_ms: int
    attempts: int
    last_error: str

    @property
    def used_up(self) -> bool:
        """It had all its attempts: not to be worked on, but to be buried."""
        return self.attempts > ATTEMPTS


@dataclass(frozen=True, slots=True)
class Errand:
    """A member that is worked on: which due set lent it to us, and when, by Redis's clock."""

    due_set: str
    member: str
    now_ms: int


@dataclass(frozen=True, slots=True)
class Claim:
    """What one claim brought, at `now_ms` by Redis's clock."""

    now_ms: int
    members: tuple[Claimed, ...]


@dataclass(frozen=True, slots=True)
class Later:
    """Put a member off by `delay_ms`. `count_back` forgets its attempts: it was not to blame."""

    member: str
    delay_ms: int
    error: str = ""
    count_back: bool = False


def claim(store: Store, due_set: str, n: int, *, first: bool, tried_first: bool = False) -> Claim:
    """Claim up to `n` due members; `first` claims of a drain unset the bell.

    A member that was tried before comes alone: if `tried_first`, before all others, else after them.
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
    """What a field of `attempts:<due set>` says: attempts begun, since when the member waits (ms), last error."""
    attempts, _, rest = (value or b"0").decode("utf-8", "replace").partition(" ")
    since, _, error = rest.partition(" ")
    return int(attempts), int(since) if since else None, error


def put_off(store: Store, due_set: str, members: list[Later]) -> None:
    """Put members off; those that were done meanwhile stay done."""
    if not members:
        return
    arguments: list[str | int] = []
    for one in members:
        arguments += [one.member, one.delay_ms, one.error[:500], 1 if one.count_back else 0]
    _later(store.client, [store.keys.due(due_set), store.keys.attempts(due_set)], arguments)


def backoff_ms(attempts: int) -> int:
    """How long to wait after so many attempts: growing, with jitter, so that a crowd does not come back as one."""
    seconds = _DELAYS[min(attempts, len(_DELAYS)) - 1]
    return int(1000 * seconds * random.uniform(0.75, 1.25))  # noqa: S311  jitter is no secret


def backoff_by_age_ms(age_ms: int) -> int:
    """How long to wait for what fails outside us, whose attempts are not counted: grows with its age, from one
    second to one minute, so that an outage is noticed to be over within a minute.
    """
    return int(min(60_000, max(1_000, age_ms / 2)) * random.uniform(0.75, 1.0))  # noqa: S311  jitter is no secret


def waiting(store: Store, due_set: str) -> int:
    """How many members wait, due or not."""
    return int(store.client.zcard(store.keys.due(due_set)))
