"""A run: a sweep that an operator asked for. Tells how far it is, and for which apps one can be asked."""

import re
from dataclasses import dataclass
from typing import Any

from payments import clock, due
from payments.dead_letters.letters import DeadLetter, get, letter_id
from payments.keys import SWEEPS
from payments.members import member_of
from payments.reconciliation import reports
from payments.reconciliation.reports import DISCOVER, RECONCILE
from payments.reconciliation.sweep import Progress
from payments.store import Store

FAILED = "sweep_failed"  # the reason of the dead letter
_SCAN = 10_000
_NEWEST = 1_000  # payments whose apps are collected


@dataclass(frozen=True, slots=True)
class Standing:
    """How far a run is. All fields empty: an operator ended it."""

    progress: Progress | None = None
    #: set when it has ended
    report: Progress | None = None
    #: set when it has failed
    letter: DeadLetter | None = None
    #: for how long it has been due; below 0: it is not due yet
    waits_ms: float = 0
    #: a worker has claimed it
    begun: bool = False
    attempts: int = 0
    #: of its last attempt
    error: str = ""
    #: a worker is at another sweep
    others_run: bool = False


def standing(store: Store, id_: str) -> Standing:
    """How far the run with this id is. Raises RedisError."""
    member = member_of(id_)
    # In this order, a run that ends between two reads is still seen, by its letter or its report.
    progress = reports.progress_of(store, member)
    waiting = members(store)
    letter = get(store, letter_of(id_))
    report = reports.get(store, id_)
    tried: Any = store.client.hgetall(store.keys.attempts(SWEEPS))
    attempts, _, error = due.read_attempts(tried.pop(member.encode(), None))
    now, due_ms = clock.now_ms(store.client), waiting.pop(member, None)
    if due_ms is None:  # it ended; unless an operator discarded it, there is a letter or a report
        return Standing(None, report, letter)
    return Standing(
        progress,
        report,
        letter,
        waits_ms=now - due_ms,
        begun=due_ms > 0,
        attempts=attempts,
        error=error,
        others_run=any(
            due.read_attempts(tried.get(name.encode()))[0] and 0 < at - now <= due.LEASE_MS[SWEEPS]
            for name, at in waiting.items()
        ),
    )


def letter_of(report_id: str) -> str:
    """The id of the dead letter that a run becomes if it fails."""
    return letter_id("sweep", member_of(report_id), FAILED)


def members(store: Store) -> dict[str, float]:
    """The sweeps that wait, and when each is due (ms, Redis's clock)."""
    found: Any = store.client.zrange(store.keys.due(SWEEPS), 0, -1, withscores=True)
    return {name.decode(): score for name, score in found}


def apps_of_old(store: Store) -> set[str]:
    """The apps to offer where none is swept regularly: those that were swept, and those of the newest
    payments.
    """
    names: Any = store.client.zrevrange(store.keys.payments, 0, _NEWEST - 1)
    apps = {name.decode().partition(":")[0] for name in names}
    for kind in (DISCOVER, RECONCILE):
        beginning = store.keys.swept(kind, "")
        pattern = re.sub(r"([*?\[\]\\^-])", r"\\\1", beginning) + "*"
        for key in store.client.scan_iter(match=pattern, count=_SCAN):
            apps.add(key.decode().removeprefix(beginning))
    return apps
