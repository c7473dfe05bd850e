"""Decides how work on a claimed member ends, for all that is claimed one by one, and logs one wide line of it.

- Done: the work itself took the member off its due set.
- Used up: a dead letter, because this member may be what killed the workers.
- Refused: a dead letter.
- Not yet: put off, for longer the older it is, and no attempt is counted. After a day it is a dead letter, where
  its kind says so.
- Redis is unreachable: nothing can be written; the lease runs out.
- A mistake of ours: put off, for longer the more attempts it had, with the trace in the log.
"""

import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import structlog
from redis.exceptions import RedisError

from payments import due
from payments.books.attempts import NotPossible
from payments.books.document import NewerSchema
from payments.books.join import PAID_WHILE_REVERSING, Odd
from payments.books.ledger import Busy
from payments.dead_letters import letters, reasons
from payments.dead_letters.evidence import both_sides
from payments.due import Claimed, Later
from payments.pingpp.gateway import NotFound, NotNow, Refused, Unanswered
from payments.pingpp.sighting import Malformed
from payments.store import Store

DAY_MS = 24 * 3600 * 1000
_NAMED = ("event_id", "event_type", "charge_id", "order_no", "app")  # in a dead letter

log = structlog.get_logger()


class Dead(Exception):
    """The work ends as a dead letter; `evidence` is added to that of its case."""

    def __init__(self, reason: str, error: str = "", evidence: Mapping[str, Any] | None = None) -> None:
        super().__init__(error or reason)
        self.reason, self.error, self.evidence = reason, error, evidence or {}


class NotYet(Exception):
    """The answer may be known later; no attempt is counted."""


_SILENCE = (NotNow, Unanswered, TimeoutError)  # Ping++ did not answer
_NOT_YET = (*_SILENCE, NotYet, Busy, NotPossible, NewerSchema)


@dataclass(frozen=True, slots=True)
class Kind:
    """What differs between kinds of work. Reasons are those of dead letters."""

    #: the name of its log line
    said: str
    #: the reason when all attempts are used up
    used_up: str = "attempts_used_up"
    #: the reason for each kind of refusal; the first that fits counts; any other is treated as a mistake of
    #: ours
    refused: tuple[tuple[type[Exception], str], ...] = (
        (NotFound, "charge_not_found"),
        (Refused, "gateway_refused"),
        (Malformed, "malformed"),
    )
    #: the reason after a day of `given_up_of`; empty: such work waits for as long as it takes
    given_up: str = ""
    given_up_of: tuple[type[Exception], ...] = _SILENCE


ASKED = Kind("asked", given_up="gateway_unreachable")
# No payment is forgotten because Ping++ is silent.
CHECKED = Kind("checked")
# The merchant waits for the outcome of a call that creates, reverses or refunds, so after a day an operator
# is told. (NewerSchema is left out: a later release can still settle it.)
UNRESOLVED = replace(
    CHECKED, given_up="attempt_unresolved", given_up_of=(*_SILENCE, NotYet, Busy, NotPossible)
)
SWEPT = Kind("swept", used_up="sweep_failed", refused=())
# An operator waits for it, and Ping++ would refuse it again.
REQUESTED = replace(SWEPT, refused=((Refused, "sweep_failed"),))


@dataclass(slots=True, kw_only=True)
class Case:
    """One claimed member, with all that its end depends on."""

    claimed: Claimed
    #: when it was claimed
    now_ms: int
    kind: Kind
    #: the ids that it is about, for the log line and the dead letter
    about: dict[str, str] = field(default_factory=dict)
    #: for the log line alone
    more: dict[str, Any] = field(default_factory=dict)
    #: for the dead letter alone
    evidence: dict[str, Any] = field(default_factory=dict)
    #: log at level debug, unless something is wrong
    quiet: bool = False

    @property
    def age_ms(self) -> int:
        """For how long it has been waiting; a retry by an operator starts from 0."""
        return self.now_ms - self.claimed.since_ms


async def settle(store: Store, due_set: str, case: Case, work: Callable[[], Awaitable[str]]) -> None:
    """Work on a case and bring it to its end. `work` returns the outcome, a word for what was done.

    Raises RedisError, and nothing else.
    """
    began, error = time.perf_counter(), ""
    try:
        outcome = await _unless_used_up(case, work)
    except RedisError:
        raise
    except Exception as problem:  # noqa: BLE001  `_ended` decides what it means
        outcome, error = _ended(store, due_set, case, problem)
    duration_ms = round((time.perf_counter() - began) * 1000, 1)
    wrong = outcome in ("dead", "put_off")
    say = log.warning if wrong else log.debug if case.quiet else log.info
    more = {name: value for name, value in (*case.more.items(), ("reason", error)) if value}
    say(
        case.kind.said, outcome=outcome, **case.about, **more,
        attempt=case.claimed.attempts, duration_ms=duration_ms,
    )  # fmt: skip


async def _unless_used_up(case: Case, work: Callable[[], Awaitable[str]]) -> str:
    if case.claimed.used_up:
        raise used_up(case.claimed, case.kind.used_up)
    return await work()


def used_up(claimed: Claimed, reason: str = "attempts_used_up") -> Dead:
    """The end of a member that had all its attempts. It is not read: reading it may be what killed the
    workers.
    """
    return Dead(reason, claimed.last_error or "the worker died each time")


def _ended(store: Store, due_set: str, case: Case, problem: Exception) -> tuple[str, str]:
    """Bury the member or put it off. Returns the outcome, and why."""
    end = meaning(case.kind, problem, case.age_ms)
    if isinstance(end, Dead):
        about = {name: value for name, value in case.about.items() if name in _NAMED}
        whole = Dead(end.reason, end.error, {**case.evidence, **end.evidence})
        bury(store, due_set, case.claimed, whole, about)
        return "dead", f"{end.reason} {end.error}".strip()
    if end is None:
        log.error("work failed", due_set=due_set, member=case.claimed.member, exc_info=problem)
        later = Later(case.claimed.member, due.backoff_ms(case.claimed.attempts), repr(problem))
    else:
        delay_ms = due.backoff_by_age_ms(case.age_ms)
        later = Later(case.claimed.member, delay_ms, str(end), count_back=True)
    due.put_off(store, due_set, [later])
    return "put_off", later.error


def meaning(kind: Kind, problem: Exception, age_ms: int) -> Dead | NotYet | None:
    """What an exception means for work that has waited for `age_ms`. None: it is a mistake of ours."""
    if isinstance(problem, Odd):
        if problem.code != PAID_WHILE_REVERSING:
            reason = problem.code if problem.code in reasons.REASONS else "identity_conflict"
            return Dead(reason, problem.code, both_sides(problem))
        problem = NotYet("it is being reversed")  # until the outcome of the reversal is known
    if isinstance(problem, Dead):
        return problem
    for refusal, reason in kind.refused:
        if isinstance(problem, refusal):
            return Dead(reason, str(problem))
    if not isinstance(problem, _NOT_YET):
        return None
    error = str(problem) or "no answer from Ping++ in time"
    if kind.given_up and isinstance(problem, kind.given_up_of) and age_ms > DAY_MS:
        return Dead(kind.given_up, error)
    return NotYet(error)


def bury(store: Store, due_set: str, claimed: Claimed, dead: Dead, about: Mapping[str, str]) -> None:
    """Turn a claimed member into a dead letter."""
    letters.bury(
        store, due_set, claimed.member, dead.reason, attempts=min(claimed.attempts, due.ATTEMPTS),
        about=about, last_error=dead.error, evidence=dead.evidence,
    )  # fmt: skip
