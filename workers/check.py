"""Checks what is not settled yet: charges that may be paid, pending refunds, attempts whose outcome is
unknown.

(Odd events are asked about in `workers/ask.py`.) What Ping++ says is folded like any other sighting, and the
next look is planned in the same step. A failure outside us puts a look off and never ends it: no payment is
forgotten because Ping++ is unreachable.
"""

import asyncio
from dataclasses import dataclass
from functools import partial

from payments import members
from payments.books import ledger, next_check
from payments.books.attempts import attempt_of, refund_attempt_of, refund_late
from payments.books.ledger import Unit
from payments.books.payment import Payment
from payments.due import Errand
from payments.keys import CHECKS_NOW
from payments.taking.desk import Desk
from payments.taking.refund import refund_what_came_late
from payments.taking.resolve import resolve_create, resolve_refund
from payments.taking.reverse import resolve_reversal, reverse_when_due
from workers.context import Context
from workers.drain import Drain
from workers.outcome import CHECKED, UNRESOLVED, Case, settle

AT_ONCE = 50  # looks under way in one worker
ANSWER_WITHIN = {CHECKS_NOW: 15.0}  # seconds for one look at Ping++; below the lease
_ANSWER_WITHIN = 45.0
_AGAIN_S = 0.2  # between claims while looks are under way


@dataclass(slots=True, kw_only=True)
class _Look(Case):
    """One look at a charge, or at an attempt."""

    charge_id: str = ""
    attempt_id: str = ""
    #: the payment before the look
    before: Payment | None = None
    #: the payment after the look; None: it was settled before
    after: Payment | None = None


def drain(context: Context, due_set: str) -> int:
    """Look until nothing is due, time is up, or the process is to end. Returns how many looks were begun."""
    return asyncio.run(_drain(context, due_set))


async def _drain(context: Context, due_set: str) -> int:
    under_way: set[asyncio.Task[None]] = set()
    claims = Drain(context, due_set, AT_ONCE, under_way=under_way)
    async with claims.desk() as desk:
        for claim in claims:
            for one in claim.members:
                look = _Look(claimed=one, now_ms=claim.now_ms, kind=CHECKED)
                looked = settle(context.store, due_set, look, partial(_look, context, desk, due_set, look))
                under_way.add(asyncio.create_task(looked))
            await _first_ended(under_way, within=None if len(under_way) == AT_ONCE else _AGAIN_S)
        while under_way:
            await _first_ended(under_way)
    return claims.claimed


async def _first_ended(under_way: set[asyncio.Task[None]], *, within: float | None = None) -> None:
    """Wait until a look has ended, or for `within` seconds. Raises RedisError."""
    ended, _ = await asyncio.wait(under_way, timeout=within, return_when=asyncio.FIRST_COMPLETED)
    under_way -= ended
    for task in ended:
        task.result()


async def _look(context: Context, desk: Desk, due_set: str, look: _Look) -> str:
    """Returns `settled` (before this look), `known` (nothing new), or else the payment's status as it is now."""
    await _look_at(context, desk, due_set, look)
    if look.after is None:
        return "settled"
    return "known" if look.after == look.before else look.after.status


async def _look_at(context: Context, desk: Desk, due_set: str, look: _Look) -> None:
    member = look.claimed.member
    look.charge_id, look.attempt_id, name = members.read_member(member)
    look.about = {"charge_id": look.charge_id} if look.charge_id else {"attempt_id": look.attempt_id}
    look.kind = UNRESOLVED if look.attempt_id else CHECKED
    loaded = await asyncio.to_thread(ledger.load, desk.store, [(look.charge_id, name or None)], look.now_ms)
    name = loaded.ties.get(look.charge_id, name)
    if name in loaded.unreadable:
        raise loaded.unreadable[name]
    held = loaded.held[name] if name else None
    look.before = held.payment if held else None
    if look.before is None or next_check.of_member(look.before, member, look.now_ms, desk.schedule) is None:
        # Settled meanwhile. If the payment was written since it was read, a new check may be planned: keep it.
        unit = Unit(held, done=[member], checks={member: None} if held else {}, only_if_taken=True)
        await asyncio.to_thread(ledger.record, desk.store, due_set, [unit], context.keep_bodies_s)
        return
    look.about |= {"order_no": look.before.order_no, "app": look.before.app}
    if look.before.reversing(look.charge_id):
        look.kind = UNRESOLVED
    errand, late = Errand(due_set, member, look.now_ms), refund_late(look.before)
    if late and late[0].id == look.charge_id:
        look.after = await refund_what_came_late(desk, name, errand)
        return
    async with asyncio.timeout(ANSWER_WITHIN.get(due_set, _ANSWER_WITHIN)):
        if look.attempt_id:
            look.after = await _resolve(desk, errand, look, look.before)
        elif look.before.reversing(look.charge_id):
            look.after = await resolve_reversal(desk, look.charge_id, errand)
        else:
            pending = any(r.charge == look.charge_id and r.status == "pending" for r in look.before.refunds)
            seen = await desk.retrieve(look.charge_id, all_refunds=pending)
            look.after = await desk.see(seen, errand=errand)
    if look.charge_id:
        look.after = await reverse_when_due(desk, name, look.charge_id) or look.after


async def _resolve(desk: Desk, errand: Errand, look: _Look, payment: Payment) -> Payment:
    attempt = attempt_of(payment, look.attempt_id)
    if attempt:
        return await resolve_create(desk, payment, attempt, errand)
    refund = refund_attempt_of(payment, look.attempt_id)
    assert refund is not None  # noqa: S101  `of_member` found it
    return await resolve_refund(desk, payment, refund, errand)
