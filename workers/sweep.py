"""Runs the sweeps: charges made elsewhere are found, and the books are compared with what Ping++ lists.

`discover:<app>` and `reconcile:<app>` come due again and again; `run:<id>` is what a person asked for. How far each is
stands in Redis, so that it goes on where a worker, Ping++ or Redis left it.
"""

import asyncio
import secrets
import time
from datetime import UTC, datetime
from typing import Any

import structlog
from msgspec.structs import replace
from redis.exceptions import RedisError

from payments import bell, due
from payments.dead_letters import letters
from payments.due import Claimed, Later
from payments.keys import SWEEPS
from payments.pingpp.gateway import NotNow, Refused, Unanswered
from payments.reconciliation import marks, reports
from payments.reconciliation.reports import DISCOVER, RECONCILE
from payments.reconciliation.sweep import Progress, Rules, sweep
from payments.taking.desk import Desk
from workers.context import Context

FOR_S = 60.0  # how long a drain goes on; a long sweep goes on in the next
_OVERLAP_S = {
    DISCOVER: 60,
    RECONCILE: 2 * 3600,
}  # what Ping++ shows late, and clocks that differ, are seen by the next
_FIRST_S = 24 * 3600  # a first sweep looks back so far: what was made in the last day may still be paid
_OPEN_FOR_S = 15 * 86_400  # and a reconciliation back over open charges, as far as most channels allow
_JUST_NOW_S = 10  # of the window's end is left to the next sweep

log = structlog.get_logger()


class TimeIsUp(Exception):
    """This drain has lasted long enough; the progress is kept."""


def seed(context: Context) -> None:
    """Put the sweeps that come again and again into the due set, where they are not there yet."""
    for app in sorted(context.apps):
        marks.note_start(context.store, app)
        for kind, every in context.sweep_every.items():
            if every:
                context.store.client.zadd(context.store.keys.due(SWEEPS), {f"{kind}:{app}": 0}, nx=True)


def drain(context: Context) -> int:
    """Sweep until nothing is due, or time is up, or the process is to end. Returns how many sweeps were worked on."""
    return asyncio.run(_drain(context))


async def _drain(context: Context) -> int:
    until, done = time.monotonic() + FOR_S, 0
    async with context.gateway() as gateway:
        desk = Desk(context.store, gateway, context.livemode, context.order_key, context.schedule)
        while not context.stopping.is_set() and time.monotonic() < until:
            claim = due.claim(context.store, SWEEPS, 1, first=done == 0, tried_first=done % 2 == 1)
            if not claim.members:
                return done
            done += 1
            await _work_on(context, desk, claim.members[0], claim.now_ms, until)
    bell.ring_if_due(context.store, SWEEPS)
    return done


async def _work_on(context: Context, desk: Desk, claimed: Claimed, now_ms: int, until: float) -> None:
    member, began = claimed.member, time.perf_counter()
    error, delay_ms = "", 0
    progress = _begin(context, member, now_ms // 1000)
    if progress is None:
        reports.drop(context.store, member)
        return

    async def save(step: Progress) -> None:
        nonlocal progress
        progress = step
        await asyncio.to_thread(reports.save, context.store, member, step, due.LEASE_MS[SWEEPS])
        if context.stopping.is_set() or time.monotonic() > until:
            raise TimeIsUp

    try:
        if claimed.used_up:
            raise RuntimeError(claimed.last_error or "the worker ended without a word each time")  # noqa: TRY301
        rules = Rules(marks.watch_from(context.store, progress.app), context.adopt)
        ended = await sweep(desk, progress, rules, save)
        progress = replace(ended, ended_at=await desk.now_ms() // 1000)
        _end(context, member, progress)
    except TimeIsUp:
        delay_ms = 1
    except (NotNow, Unanswered, TimeoutError) as problem:
        delay_ms, error = due.backoff_by_age_ms(now_ms - claimed.since_ms), str(problem)
    except RedisError:
        raise  # there is nobody to tell; its lease runs out
    except (Refused, Exception) as problem:
        error = repr(problem)
        log.exception("sweep failed", sweep=member)
        # Somebody waits for a run, and what was refused will be refused again.
        if claimed.used_up or (isinstance(problem, Refused) and member.startswith("run:")):
            _bury(context, claimed, error)
            return
        due.put_off(context.store, SWEEPS, [Later(member, due.backoff_ms(claimed.attempts), error)])
    if delay_ms:
        due.put_off(context.store, SWEEPS, [Later(member, delay_ms, error, count_back=True)])
    _log(member, progress, error, round((time.perf_counter() - began) * 1000, 1))


def _begin(context: Context, member: str, now: int) -> Progress | None:
    """Where it was cut off, or a new one; None for one that is not wanted any more."""
    found = reports.progress_of(context.store, member)
    if found is not None:
        return found
    kind, _, app = member.partition(":")
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
    """Keep the report, advance the mark, and come again, or not, in one step."""
    now = progress.ended_at or 0
    kind, _, _ = member.partition(":")
    # A sweep that finds what is new every minute leaves a report only where it found something.
    worth_it = (
        kind != DISCOVER or progress.missed or progress.disputed or progress.refunds or progress.adopted
    )
    report_id = (
        f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        if kind != "run"
        else member.partition(":")[2]
    )
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


def _bury(context: Context, claimed: Claimed, error: str) -> None:
    letters.bury(
        context.store, SWEEPS, claimed.member, "sweep_failed",
        attempts=min(claimed.attempts, due.ATTEMPTS), last_error=error,
    )  # fmt: skip


def _log(member: str, progress: Progress, error: str, duration_ms: float) -> None:
    counts = {
        name: value
        for name in ("compared", "missed", "adopted", "refunds", "updated", "disputed", "unknown", "calls")
        if (value := getattr(progress, name))
    }
    quiet = member.startswith(DISCOVER) and not error and not (progress.missed or progress.disputed)
    say = log.debug if quiet else log.warning if error else log.info
    more: dict[str, Any] = {"reason": error} if error else {}
    if progress.ended_at is None and not error:
        more["goes_on"] = True
    say(
        "swept",
        sweep=member,
        since=progress.since,
        until=progress.until,
        **counts,
        **more,
        duration_ms=duration_ms,
    )
