"""Runs the sweeps: charges made elsewhere are found, and the books are compared with what Ping++ lists.

`discover:<app>` and `reconcile:<app>` come due again and again; `run:<id>` is a sweep that an operator asked
for. The progress of each stands in Redis, so it goes on after a worker, Ping++ or Redis failed.
"""

import asyncio
from functools import partial

import structlog
from msgspec.structs import replace

from payments import due, members
from payments.due import Later
from payments.keys import SWEEPS
from payments.members import RUN
from payments.reconciliation import marks, reports
from payments.reconciliation.reports import DISCOVER, RECONCILE
from payments.reconciliation.sweep import Progress, Rules, sweep
from payments.taking.desk import Desk
from workers.context import Context
from workers.drain import Drain
from workers.outcome import REQUESTED, SWEPT, Case, settle

FOR_S = 60.0  # how long a drain goes on; a long sweep goes on in the next
# A sweep looks again at so much of the last one's window, for what Ping++ lists late and for clocks that
# differ.
_OVERLAP_S = {DISCOVER: 60, RECONCILE: 2 * 3600}
_FIRST_S = 24 * 3600  # how far a first sweep looks back: a charge of the last day may still be paid
_OPEN_FOR_S = 15 * 86_400  # how far a reconciliation looks back for open charges; most channels allow no more
_JUST_NOW_S = 10  # the last seconds, which a reconciliation leaves to the next one

log = structlog.get_logger()


class TimeIsUp(Exception):
    """This drain has lasted long enough; the progress is kept."""


def seed(context: Context) -> None:
    """Put the repeated sweeps into the due set, where they are not there yet."""
    for app in sorted(context.apps):
        marks.note_start(context.store, app)
        for kind, every in context.sweep_every.items():
            if every:
                member = members.member_of_sweep(kind, app)
                context.store.client.zadd(context.store.keys.due(SWEEPS), {member: 0}, nx=True)


def drain(context: Context) -> int:
    """Sweep until nothing is due, time is up, or the process is to end. Returns how many sweeps were worked
    on.
    """
    return asyncio.run(_drain(context))


async def _drain(context: Context) -> int:
    claims = Drain(context, SWEEPS, 1, FOR_S)
    async with claims.desk() as desk:
        for claim in claims:
            for one in claim.members:
                kind, _ = members.read_sweep(one.member)
                case = Case(
                    claimed=one, now_ms=claim.now_ms, kind=REQUESTED if kind == RUN else SWEPT,
                    about={"sweep": one.member}, quiet=kind == DISCOVER,
                )  # fmt: skip
                await settle(context.store, SWEEPS, case, partial(_sweep, context, desk, case, claims))
    return claims.claimed


async def _sweep(context: Context, desk: Desk, case: Case, claims: Drain) -> str:
    member = case.claimed.member
    progress = _begin(context, member, case.now_ms // 1000)
    if progress is None:
        reports.drop(context.store, member)
        return "dropped"
    _tell(case, progress)

    async def save(step: Progress) -> None:
        _tell(case, step)
        await asyncio.to_thread(reports.save, context.store, member, step, due.LEASE_MS[SWEEPS])
        if claims.over:
            raise TimeIsUp

    rules = Rules(marks.watch_from(context.store, progress.app), context.adopt)
    try:
        ended = await sweep(desk, progress, rules, save)
    except TimeIsUp:
        due.put_off(context.store, SWEEPS, [Later(member, 1, count_back=True)])
        return "goes_on"
    ended = replace(ended, ended_at=await desk.now_ms() // 1000)
    _tell(case, ended)
    _end(context, member, ended)
    return "ended"


def _begin(context: Context, member: str, now: int) -> Progress | None:
    """The progress of a sweep that was cut off, or of a new one. None: it is not wanted any more."""
    found = reports.progress_of(context.store, member)
    if found is not None:
        return found
    kind, app = members.read_sweep(member)
    if not context.sweep_every.get(kind) or app not in context.apps:
        return None
    mark = marks.swept_until(context.store, kind, app)
    since = marks.watch_from(context.store, app) - _FIRST_S if mark is None else mark - _OVERLAP_S[kind]
    if kind == RECONCILE:
        oldest = reports.oldest_open(context.store, app)
        if oldest is not None:
            since = min(since, max(oldest, now - _OPEN_FOR_S))
    return Progress(kind, app, max(0, since), now - (_JUST_NOW_S if kind == RECONCILE else 0), began_at=now)


def _end(context: Context, member: str, progress: Progress) -> None:
    """Keep the report, advance the mark, and plan the next sweep, in one step."""
    now = progress.ended_at or 0
    kind, of = members.read_sweep(member)
    # A discovery runs every minute, so it leaves a report only if it found something.
    worth_it = (
        kind != DISCOVER or progress.missed or progress.disputed or progress.refunds or progress.adopted
    )
    report_id = of if kind == RUN else reports.new_id(now)
    reports.finish(
        context.store,
        member,
        progress,
        report_id=report_id if worth_it else None,
        again_ms=int(1000 * context.sweep_every.get(kind, 0)),
    )
    if kind == RECONCILE:
        day = reports.day_that_ended(context.store, progress.app, now)
        if day is not None:
            say = log.info if day["matches"] else log.warning
            say("the books match" if day["matches"] else "the books do not match", app=progress.app, **day)


def _tell(case: Case, progress: Progress) -> None:
    """Note for the log line how far the sweep is and what it found; a discovery that found nothing stays
    quiet.
    """
    counts = ("compared", "missed", "adopted", "refunds", "updated", "disputed", "unknown", "calls")
    case.more = {name: getattr(progress, name) for name in ("since", "until", *counts)}
    if progress.missed or progress.disputed:
        case.quiet = False
