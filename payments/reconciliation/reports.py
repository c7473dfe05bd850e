"""Keeps what sweeps leave in Redis: how far each one is, the reports of those that ended, and their marks."""

import secrets
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from payments import clock, members
from payments.books import ledger
from payments.keys import CHECKS, CHECKS_NOW, SWEEPS
from payments.reconciliation.sweep import Progress
from payments.store import Store

DISCOVER, RECONCILE = "discover", "reconcile"
KEPT = 1000  # reports
_LOOKED_AT = 1000  # checks, in search of the oldest open charge
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Progress).decode


def new_id(now: int) -> str:
    """An id for a report that ends, or is asked for, now (Unix seconds); ids sort by that time."""
    return f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"


def progress_of(store: Store, member: str) -> Progress | None:
    """How far a sweep is that is under way; None: it has ended, or never began."""
    found = cast("bytes | None", store.client.get(store.keys.sweep(member)))
    return _decode(found) if found else None


def save(store: Store, member: str, progress: Progress, lease_ms: int) -> None:
    """Keep a step of a sweep, and renew its lease (ms) with it."""
    due_ms = clock.now_ms(store.client) + lease_ms
    with store.client.pipeline(transaction=True) as step:
        step.set(store.keys.sweep(member), _encode(progress))
        step.zadd(store.keys.due(SWEEPS), {member: due_ms}, xx=True)
        step.execute()


def request(store: Store, report_id: str, progress: Progress) -> None:
    """Ask for a sweep. Its report will have the id `report_id`."""
    with store.client.pipeline(transaction=True) as step:
        step.set(store.keys.sweep(members.member_of(report_id)), _encode(progress))
        step.zadd(store.keys.due(SWEEPS), {members.member_of(report_id): 0})
        step.execute()


def finish(store: Store, member: str, progress: Progress, *, report_id: str | None, again_ms: int) -> None:
    """End a sweep: keep its report, if it has an id; advance its mark; and make it due again in `again_ms`
    (0: not).
    """
    now_ms = clock.now_ms(store.client)
    kind, _ = members.read_sweep(member)
    with store.client.pipeline(transaction=True) as step:
        step.delete(store.keys.sweep(member))
        step.hdel(store.keys.attempts(SWEEPS), member)
        if again_ms:
            step.zadd(store.keys.due(SWEEPS), {member: now_ms + again_ms}, xx=True)
        else:
            step.zrem(store.keys.due(SWEEPS), member)
        # A sweep that an operator asked for says nothing about the time before its window.
        if kind != members.RUN:
            step.set(store.keys.swept(kind, progress.app), progress.until)
        if report_id:
            step.set(store.keys.report(report_id), _encode(progress))
            step.zadd(store.keys.reports, {report_id: now_ms})
        step.execute()
    old = cast("list[bytes]", store.client.zrange(store.keys.reports, 0, -KEPT - 1))
    if old:
        store.client.delete(*(store.keys.report(one.decode()) for one in old))
        store.client.zrem(store.keys.reports, *old)


def drop(store: Store, member: str) -> None:
    """Remove a sweep that is not wanted any more."""
    with store.client.pipeline(transaction=True) as step:
        step.delete(store.keys.sweep(member))
        step.zrem(store.keys.due(SWEEPS), member)
        step.hdel(store.keys.attempts(SWEEPS), member)
        step.execute()


def newest(store: Store, limit: int) -> list[tuple[str, Progress]]:
    """(id, report) of the sweeps that ended last, newest first."""
    ids = [
        one.decode() for one in cast("list[bytes]", store.client.zrevrange(store.keys.reports, 0, limit - 1))
    ]
    found = (
        cast("list[bytes | None]", store.client.mget([store.keys.report(one) for one in ids])) if ids else []
    )
    return [(id_, _decode(value)) for id_, value in zip(ids, found, strict=True) if value]


def get(store: Store, report_id: str) -> Progress | None:
    """The report with this id; None: there is none."""
    found = cast("bytes | None", store.client.get(store.keys.report(report_id)))
    return _decode(found) if found else None


def oldest_open(store: Store, app: str) -> int | None:
    """When (Unix seconds) the oldest open charge of an app was created; None: there is none. Only the charges
    whose checks are due first and last are looked at.
    """
    found: list[bytes] = []
    for due_set in (CHECKS_NOW, CHECKS):
        found += cast("list[bytes]", store.client.zrange(store.keys.due(due_set), 0, _LOOKED_AT))
        found += cast("list[bytes]", store.client.zrange(store.keys.due(due_set), -_LOOKED_AT, -1))
    charges = {charge for one in found if (charge := members.read_member(one.decode())[0])}
    if not charges:
        return None
    loaded = ledger.load(store, [(charge, None) for charge in charges], now_ms=0)
    created = [
        charge.created
        for held in loaded.held.values()
        if held.payment.app == app
        for charge in held.payment.charges
        if charge.open
    ]
    return min(created, default=None)


def day_that_ended(store: Store, app: str, now: int) -> dict[str, Any] | None:
    """Once a day (UTC): what all sweeps of an app found in the last 24 hours. None: it was said today
    already.
    """
    today = datetime.fromtimestamp(now, UTC).date().isoformat()
    before = cast("bytes | None", store.client.set(store.keys.swept("day", app), today, get=True))
    if before is None or before.decode() == today:
        return None
    latest = [one for _, one in newest(store, KEPT) if one.app == app and (one.ended_at or 0) > now - 86_400]
    names = ("missed", "refunds", "disputed", "unknown")
    counts = {name: sum(getattr(one, name) for one in latest if not one.dry_run) for name in names}
    return {"matches": not any(counts.values()), "reports": len(latest), **counts}
