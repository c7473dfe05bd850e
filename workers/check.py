"""Looks at what is not settled: charges that may be paid, refunds under way, and attempts of which nobody knows how
they ended. What Ping++ says is folded like any other sighting, and the next look is set with it.

A failure outside us puts a look off, and never ends it: no payment is forgotten because Ping++ is away.
"""

import asyncio
import time
from dataclasses import dataclass, field
from typing import Any

import structlog
from redis.exceptions import RedisError

from payments import bell, due, members
from payments.books import checks, ledger
from payments.books.attempts import No, attempt_of, refund_attempt_of, refund_late
from payments.books.document import NewerSchema
from payments.books.join import Odd
from payments.books.ledger import Busy, Unit
from payments.books.payment import Payment
from payments.dead_letters import letters, reasons
from payments.dead_letters.evidence import evidence, facts_of
from payments.due import Claimed, Later
from payments.keys import CHECKS_NOW
from payments.pingpp.gateway import NotFound, NotNow, Refused, Unanswered
from payments.pingpp.sighting import Malformed
from payments.taking.desk import Desk
from payments.taking.refund import refund_what_came_late
from payments.taking.resolve import resolve_create, resolve_refund
from payments.taking.reverse import resolve_reversal, reverse_when_due
from workers.context import Context

AT_ONCE = 50  # looks under way in one worker
FOR_S = 30.0
ANSWER_WITHIN = {CHECKS_NOW: 15.0}  # seconds for one look at Ping++; below the lease
_ANSWER_WITHIN = 45.0
_AGAIN_S = 0.2  # between claims while looks are under way
_GIVE_UP_MS = 24 * 3600 * 1000  # an attempt that could not be resolved for so long is a person's

log = structlog.get_logger()


@dataclass(slots=True)
class _Look:
    """One member on its way. `before` and `after`: the payment as it was held, and as the look left it."""

    claimed: Claimed
    now_ms: int
    charge_id: str = ""
    attempt_id: str = ""
    before: Payment | None = None
    after: Payment | None = None
    about: dict[str, str] = field(default_factory=dict)

    @property
    def age_ms(self) -> int:
        return self.now_ms - self.claimed.since_ms


def drain(context: Context, what: str) -> int:
    """Look until nothing is due, or time is up, or the process is to end. Returns how many looks were begun."""
    return asyncio.run(_drain(context, what))


async def _drain(context: Context, what: str) -> int:
    until = time.monotonic() + FOR_S
    begun, turn = 0, 0
    under_way: set[asyncio.Task[None]] = set()
    async with context.gateway() as gateway:
        desk = Desk(context.store, gateway, context.livemode, context.order_key, context.schedule)
        while True:
            going_on = not context.stopping.is_set() and time.monotonic() < until
            if going_on and len(under_way) < AT_ONCE:
                claim = due.claim(
                    context.store,
                    what,
                    AT_ONCE - len(under_way),
                    first=turn == 0,
                    tried_first=turn % 2 == 1,
                )
                turn += 1
                for one in claim.members:
                    under_way.add(asyncio.create_task(_look(context, desk, what, _Look(one, claim.now_ms))))
                begun += len(claim.members)
            if not under_way:
                break
            ended, under_way = await asyncio.wait(
                under_way, timeout=_AGAIN_S if going_on else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in ended:
                task.result()  # only Redis being away gets so far
    bell.ring_if_due(context.store, what)
    return begun


async def _look(context: Context, desk: Desk, what: str, look: _Look) -> None:
    began = time.perf_counter()
    error = ""
    try:
        if look.claimed.used_up:
            outcome, error = "dead", look.claimed.last_error
            _bury(context, what, look, "attempts_used_up", error)
        else:
            await _look_at(context, desk, what, look)
            outcome = _outcome(look)
    except Odd as odd:
        outcome, error = _odd(context, what, look, odd)
    except NotFound as problem:
        outcome, error = "dead", str(problem)
        _bury(context, what, look, "charge_not_found", error)
    except Refused as problem:
        outcome, error = "dead", str(problem)
        _bury(context, what, look, "gateway_refused", error)
    except Malformed as problem:
        outcome, error = "dead", str(problem)
        _bury(context, what, look, "malformed", error)
    except (NotNow, Unanswered, TimeoutError, Busy, NewerSchema, No) as problem:
        outcome, error = _not_yet(context, what, look, str(problem) or "no answer from Ping++ in time")
    except RedisError:
        raise  # there is nobody to tell; its lease runs out
    except Exception as mistake:
        outcome, error = "put_off", repr(mistake)
        log.exception("check failed", member=look.claimed.member)
        later = Later(look.claimed.member, due.backoff_ms(look.claimed.attempts), error)
        due.put_off(context.store, what, [later])
    say = log.info if outcome not in ("dead", "put_off") else log.warning
    more = {"reason": error} if error else {}
    duration_ms = round((time.perf_counter() - began) * 1000, 1)
    say(
        "checked",
        outcome=outcome,
        **look.about,
        **more,
        attempt=look.claimed.attempts,
        duration_ms=duration_ms,
    )


async def _look_at(context: Context, desk: Desk, what: str, look: _Look) -> None:
    member = look.claimed.member
    look.charge_id, look.attempt_id, name = members.read_member(member)
    look.about = {"charge_id": look.charge_id} if look.charge_id else {"attempt_id": look.attempt_id}
    books = await asyncio.to_thread(ledger.load, desk.store, [(look.charge_id, name or None)])
    name = books.ties.get(look.charge_id, name)
    if name in books.unreadable:
        raise books.unreadable[name]
    held = books.held[name] if name else None
    look.before = held.payment if held else None
    if look.before is None or checks.of_member(look.before, member, look.now_ms, desk.schedule) is None:
        # Settled by others meanwhile. Should the payment have been written since, they may want a look at it again.
        unit = Unit(held, done=[member], checks={member: None} if held else {}, only_if_taken=True)
        await asyncio.to_thread(ledger.record, desk.store, what, [unit], context.keep_bodies_s)
        return
    look.about |= {"order_no": look.before.order_no, "app": look.before.app}
    late = refund_late(look.before)
    if late and late[0].id == look.charge_id:
        look.after = await refund_what_came_late(desk, name, what=what, done=member)
        return
    async with asyncio.timeout(ANSWER_WITHIN.get(what, _ANSWER_WITHIN)):
        if look.attempt_id:
            look.after = await _resolve(desk, what, look, look.before)
        elif look.before.reversing(look.charge_id):
            look.after = await resolve_reversal(
                desk, look.charge_id, what=what, done=member, now_ms=look.now_ms
            )
        else:
            pending = any(r.charge == look.charge_id and r.status == "pending" for r in look.before.refunds)
            seen = await desk.retrieve(look.charge_id, all_refunds=pending)
            look.after = await desk.see(seen, what=what, done=member)
    if look.charge_id:
        look.after = await reverse_when_due(desk, name, look.charge_id) or look.after


async def _resolve(desk: Desk, what: str, look: _Look, payment: Payment) -> Payment:
    member = look.claimed.member
    attempt = attempt_of(payment, look.attempt_id)
    if attempt:
        return await resolve_create(desk, payment, attempt, what=what, done=member, now_ms=look.now_ms)
    refund = refund_attempt_of(payment, look.attempt_id)
    assert refund is not None  # noqa: S101  `of_member` found it
    return await resolve_refund(desk, payment, refund, what=what, done=member, now_ms=look.now_ms)


def _outcome(look: _Look) -> str:
    """`settled` before this look; `known`: nothing new; else the payment's status as it is now."""
    if look.after is None:
        return "settled"
    return "known" if look.after == look.before else look.after.status


def _odd(context: Context, what: str, look: _Look, odd: Odd) -> tuple[str, str]:
    if odd.code == "paid_while_reversing":  # known when it is known how the reversal ended
        return _not_yet(context, what, look, "it is being reversed")
    known = odd.held.charge(odd.seen.charge_id)
    both = {"found": evidence(odd.seen), "held": {"payment": odd.held.name, **facts_of(known)}}
    if odd.held.registration:
        registered = odd.held.registration
        both["registered"] = {"amount": registered.amount, "currency": registered.currency}
    reason = odd.code if odd.code in reasons.REASONS else "identity_conflict"
    _bury(context, what, look, reason, odd.code, both=both)
    return "dead", f"{reason} {odd.code}"


def _not_yet(context: Context, what: str, look: _Look, error: str) -> tuple[str, str]:
    unresolved = look.attempt_id or (look.before and look.before.reversing(look.charge_id))
    if unresolved and look.age_ms > _GIVE_UP_MS:
        _bury(context, what, look, "attempt_unresolved", error)
        return "dead", f"attempt_unresolved {error}"
    later = Later(look.claimed.member, due.backoff_by_age_ms(look.age_ms), error, count_back=True)
    due.put_off(context.store, what, [later])
    return "put_off", error


def _bury(
    context: Context,
    what: str,
    look: _Look,
    reason: str,
    error: str,
    *,
    both: dict[str, Any] | None = None,
) -> None:
    letters.bury(
        context.store, what, look.claimed.member, reason,
        attempts=min(look.claimed.attempts, due.ATTEMPTS),
        about={name: value for name, value in look.about.items() if name != "attempt_id"},
        last_error=error, evidence=both,
    )  # fmt: skip
