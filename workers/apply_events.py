"""Applies events that came in: claims them, loads their payments, folds and records, until no event is due."""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import cast

import structlog

from payments import bell, due, members
from payments.books import ledger, message, next_check
from payments.books.document import NewerSchema
from payments.books.join import Decision, Odd
from payments.books.ledger import Held, Unit
from payments.due import Claim, Claimed, Later
from payments.inbox.park import park
from payments.inbox.reading import Reading, read
from payments.keys import ASKS, EVENTS
from payments.pingpp.sighting import Sighting, order_of
from workers import outcome
from workers.context import Context
from workers.drain import Drain
from workers.outcome import Dead

CLAIM = 500  # events in one claim
_PAUSE_S = 0.005  # after a claim that was not full: events that come meanwhile share the next claim
_REFOLDS = 5  # when other processes write the same payments; then the events are put off
_NEWER_SCHEMA_MS = 5_000  # in which a worker of the later release can claim the event

_LINES = 10  # events of a batch that get a line each
_UNUSUAL = ("dead", "put_off", "asked")

log = structlog.get_logger()


@dataclass(slots=True)
class _Work:
    """One claimed event, and what becomes of it."""

    claimed: Claimed
    reading: Reading
    #: one of the words in `_log`; empty: not settled yet
    outcome: str = ""
    #: ids of the messages that were published for it
    told: list[str] = field(default_factory=list)
    #: why it is a dead letter, asked about or put off
    error: str = ""
    #: set its attempts back to 0: the failure was outside us
    count_back: bool = False

    @property
    def sighting(self) -> Sighting:
        """The sighting of an event that is folded; others have none."""
        assert self.reading.sighting is not None  # noqa: S101  for the type checker
        return self.reading.sighting


def drain(context: Context) -> int:
    """Apply events until none is due, time is up, or the process is to end. Returns how many were claimed."""
    claims = Drain(context, EVENTS, CLAIM)
    for claim in claims:
        _work_on(context, claim)
        if len(claim.members) < CLAIM:
            time.sleep(_PAUSE_S)
    return claims.claimed


def _work_on(context: Context, claim: Claim) -> None:
    began, now_ms = time.perf_counter(), claim.now_ms
    used_up = [_Work(one, Reading()) for one in claim.members if one.used_up]
    for work in used_up:
        _bury(context, work, outcome.used_up(work.claimed))
    works = [*used_up, *_read(context, [one for one in claim.members if not one.used_up])]
    for work in works:
        if work.reading.dead and not work.outcome:
            _bury(context, work, Dead(work.reading.dead, work.reading.error))
    _record_without_document(
        context, [w for w in works if not w.outcome and not w.reading.sighting and not w.reading.odd]
    )
    to_fold = [w for w in works if not w.outcome and not w.reading.odd]
    for _ in range(_REFOLDS):
        if to_fold:
            to_fold = _join_and_record(context, to_fold, now_ms)
    for work in to_fold:
        work.outcome, work.error = "put_off", "other processes write its payment all the time"
    _park(context, [w for w in works if not w.outcome and w.reading.odd])
    _put_off(context, [w for w in works if w.outcome == "put_off"])
    _log(works, round((time.perf_counter() - began) * 1000, 1))


def _read(context: Context, claimed: Sequence[Claimed]) -> list[_Work]:
    if not claimed:
        return []
    names = [context.store.keys.body(one.member) for one in claimed]
    bodies = cast("list[bytes | None]", context.store.client.mget(names))
    works = []
    for one, body in zip(claimed, bodies, strict=True):
        work = _Work(one, Reading(dead="body_missing"))
        works.append(work)
        if body is None:
            continue
        try:
            work.reading = read(one.member, body, one.since_ms, livemode=context.livemode, apps=context.apps)
        except Exception as error:  # noqa: BLE001  a mistake of ours in one event must not stop its neighbours
            work.reading, work.outcome, work.error = Reading(), "put_off", repr(error)
    return works


def _bury(context: Context, work: _Work, dead: Dead) -> None:
    work.outcome, work.error = "dead", f"{dead.reason} {dead.error}".strip()
    event_id = members.event_of(work.claimed.member)
    about = work.reading.about or ({"event_id": event_id} if event_id else {})
    outcome.bury(context.store, EVENTS, work.claimed, dead, about)


def _record_without_document(context: Context, works: list[_Work]) -> None:
    """Publish, or keep aside, events that touch no payment. Only the worker that takes one off the due set
    does so.
    """
    units = []
    for work in works:
        unit = Unit(done=[work.claimed.member], only_if_taken=True, aside=work.reading.aside)
        if work.reading.aside:
            work.outcome = "kept_aside"
        elif work.reading.event is not None:
            try:
                unit.messages = [message.of_event(work.reading.event, work.claimed.since_ms)]
            except RecursionError as error:
                _bury(context, work, Dead("not_json", repr(error)))
                continue
            work.outcome = "passed_through"
        units.append(unit)
    ledger.record(context.store, EVENTS, units, context.keep_bodies_s)


def _join_and_record(context: Context, works: list[_Work], now_ms: int) -> list[_Work]:
    """Join and record. Returns the events whose payment was written meanwhile, to be folded again."""
    pairs = [(work.sighting.charge_id, _payment_named_by(work, context)) for work in works]
    loaded = ledger.load(context.store, pairs, now_ms)
    ties = dict(loaded.ties)
    groups: dict[str, list[_Work]] = {}
    for work in works:
        name = ties.get(work.sighting.charge_id) or _payment_named_by(work, context)
        if name is None:  # a refund of a charge that we have never seen
            _odd(work, "refund_of_unpaid_charge")
        elif name in loaded.unreadable:
            problem = loaded.unreadable[name]
            work.outcome, work.error = "put_off", repr(problem)
            work.count_back = isinstance(problem, NewerSchema)
        else:
            # two payments cannot have the same charge, also within one batch
            ties.setdefault(work.sighting.charge_id, name)
            groups.setdefault(name, []).append(work)
    units = []
    for name, group in groups.items():
        try:
            units.append((_join(group, loaded.held[name], now_ms, context.schedule), group))
        except Exception as error:  # noqa: BLE001  a mistake of ours in one payment must not stop the others
            for work in group:
                work.outcome, work.error = "put_off", repr(error)
    moved = ledger.record(context.store, EVENTS, [unit for unit, _ in units], context.keep_bodies_s)
    gone = {id(unit) for unit in moved}
    again = []
    for unit, group in units:
        for work in group:
            if work.reading.odd:
                continue
            if id(unit) in gone:
                again.append(work)
            else:
                work.outcome = "published" if work.told else "known"
    return again


def _join(group: list[_Work], held: Held, now_ms: int, schedule: next_check.Schedule) -> Unit:
    decision, unit = Decision(held.payment), Unit(held)
    for work in group:
        work.told = []
        try:
            folded = decision.take(work.sighting)
        except Odd as odd:
            _odd(work, odd.code)
            continue
        unit.done.append(work.claimed.member)
        work.told = [one.id for one in folded.messages]
    unit.becomes(decision, now_ms, schedule)
    return unit


def _odd(work: _Work, code: str) -> None:
    work.reading = Reading(work.reading.event, odd=code)


def _payment_named_by(work: _Work, context: Context) -> str | None:
    look = work.sighting.charge
    return None if look is None else f"{work.sighting.app}:{order_of(look, context.order_key)}"


def _park(context: Context, works: list[_Work]) -> None:
    for work in works:
        work.outcome, work.error = "asked", work.reading.odd
    if works:
        park(context.store, [(w.claimed.member, w.reading.odd) for w in works])
        bell.ring_if_due(context.store, ASKS)


def _put_off(context: Context, works: list[_Work]) -> None:
    later = []
    for work in works:
        delay_ms = _NEWER_SCHEMA_MS if work.count_back else due.backoff_ms(work.claimed.attempts)
        later.append(Later(work.claimed.member, delay_ms, work.error, count_back=work.count_back))
    due.put_off(context.store, EVENTS, later)


def _log(works: list[_Work], duration_ms: float) -> None:
    """Log one wide line for each event. In a large batch all events that went well share one line, because a
    line for each would cost as much as folding. Outcomes: published, known, passed_through, kept_aside,
    asked, dead, put_off.
    """
    well = [work for work in works if work.outcome not in _UNUSUAL]
    if len(well) > _LINES:
        told = [id_ for work in well for id_ in work.told]
        events = [work.claimed.member for work in well]
        outcomes = dict(Counter(work.outcome for work in well))
        log.info("events", outcomes=outcomes, events=events, told=told, duration_ms=duration_ms)
        works = [work for work in works if work.outcome in _UNUSUAL]
    for work in works:
        say = log.warning if work.outcome in _UNUSUAL else log.info
        more = {name: value for name, value in (("told", work.told), ("reason", work.error)) if value}
        about = work.reading.about or {"member": work.claimed.member}
        attempt = work.claimed.attempts
        say("event", outcome=work.outcome, **about, **more, attempt=attempt, duration_ms=duration_ms)
