"""Asks Ping++ about what is odd: a retrieve overrules events, but never our books nor the registration.

Confirmed: folded. Contradicted or not found: a dead letter that shows both sides. Not answered: later.
"""

import asyncio
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import structlog
from redis.exceptions import RedisError

from payments import bell, due
from payments.books import ledger
from payments.books.document import NewerSchema
from payments.books.fold import conflicts, unexplained
from payments.books.join import PAID_WHILE_REVERSING, Decision, Odd
from payments.books.ledger import Unit
from payments.dead_letters import letters, reasons
from payments.dead_letters.evidence import evidence, facts_of
from payments.due import Claimed, Later
from payments.inbox.reading import Reading, read
from payments.keys import ASKS
from payments.pingpp import sighting as sightings
from payments.pingpp.event import app_of
from payments.pingpp.gateway import Gateway, NotFound, NotNow, Refused, Unanswered
from payments.pingpp.sighting import Malformed, Sighting, order_of
from workers.context import Context

CLAIM = 20  # asks at once
FOR_S = 30.0
ANSWER_WITHIN = 45.0  # seconds for all calls about one charge; below the lease
_GIVE_UP_MS = 24 * 3600 * 1000  # what could not be asked for so long is a person's
_NOT_YET_MS = 3_600_000  # for how long a refund that the event calls ended may still be pending in the answer
_REFOLDS = 5

log = structlog.get_logger()


@dataclass(slots=True)
class _Ask:
    """One question: about an odd event, or (its member begins with a colon) about a charge alone."""

    claimed: Claimed
    now_ms: int
    charge_id: str = ""
    odd: str = ""
    reading: Reading = field(default_factory=Reading)
    found: Sighting | None = None

    @property
    def age_ms(self) -> int:
        """For how long it has been waiting for an answer; a retry by a person begins anew."""
        return self.now_ms - self.claimed.since_ms

    @property
    def about(self) -> dict[str, str]:
        return {"charge_id": self.charge_id, **self.reading.about}


class _Dead(Exception):
    """The question ends as a dead letter."""

    def __init__(self, reason: str, error: str = "", held: dict[str, Any] | None = None) -> None:
        super().__init__(error or reason)
        self.reason, self.error, self.held = reason, error, held


class _NotYet(Exception):
    """The answer may come later; nobody is to blame."""


def drain(context: Context) -> int:
    """Ask until nothing is due, or time is up, or the process is to end. Returns how many were asked."""
    return asyncio.run(_drain(context))


async def _drain(context: Context) -> int:
    until = time.monotonic() + FOR_S
    done, turn = 0, 0
    async with context.gateway() as gateway:
        while not context.stopping.is_set() and time.monotonic() < until:
            claim = due.claim(context.store, ASKS, CLAIM, first=turn == 0, tried_first=turn % 2 == 1)
            turn += 1
            if not claim.members:
                return done
            await _ask_all(context, gateway, claim.members, claim.now_ms)
            done += len(claim.members)
    bell.ring_if_due(context.store, ASKS)
    return done


async def _ask_all(context: Context, gateway: Gateway, members: Sequence[Claimed], now_ms: int) -> None:
    asks = [_ask(context, gateway, _Ask(one, now_ms)) for one in members]
    for problem in await asyncio.gather(*asks, return_exceptions=True):  # one's must not cut off the others
        if isinstance(problem, BaseException):
            raise problem


async def _ask(context: Context, gateway: Gateway, ask: _Ask) -> None:
    began = time.perf_counter()
    error = ""
    try:
        if ask.claimed.used_up:
            raise _Dead("attempts_used_up", ask.claimed.last_error)  # noqa: TRY301  one way out for all of these
        _read_question(context, ask)
        ask.found = await _answer(gateway, ask)
        outcome, told = _settle(context, ask)
    except _Dead as dead:
        outcome, told, error = "dead", [], f"{dead.reason} {dead.error}".strip()
        _bury(context, ask, dead)
    except (_NotYet, NotNow, Unanswered) as problem:
        outcome, told, error = "put_off", [], str(problem)
        later = Later(ask.claimed.member, due.backoff_by_age_ms(ask.age_ms), error, count_back=True)
        due.put_off(context.store, ASKS, [later])
    except RedisError:
        raise  # there is nobody to tell; its lease runs out
    except Exception as mistake:
        outcome, told, error = "put_off", [], repr(mistake)
        log.exception("ask failed", member=ask.claimed.member)
        later = Later(ask.claimed.member, due.backoff_ms(ask.claimed.attempts), error)
        due.put_off(context.store, ASKS, [later])
    say = log.info if outcome in ("published", "known") else log.warning
    more = {name: value for name, value in (("odd", ask.odd), ("reason", error), ("told", told)) if value}
    duration_ms = round((time.perf_counter() - began) * 1000, 1)
    say("asked", outcome=outcome, **ask.about, **more, attempt=ask.claimed.attempts, duration_ms=duration_ms)


def _read_question(context: Context, ask: _Ask) -> None:
    member = ask.claimed.member
    if member.startswith(":"):
        ask.charge_id, ask.odd = member[1:], "refunds_unexplained"
        return
    body = cast("bytes | None", context.store.client.get(context.store.keys.body(member)))
    if body is None:
        raise _Dead("body_missing")
    odd = cast("bytes | None", context.store.client.hget(context.store.keys.event(member), "odd"))
    ask.odd = odd.decode() if odd else ""
    ask.reading = read(member, body, ask.claimed.since_ms, livemode=context.livemode, apps=context.apps)
    charge_id = sightings.charge_named_by(ask.reading.event) if ask.reading.event else None
    if charge_id is None:
        raise _Dead(ask.reading.dead or "no_charge", ask.reading.error)
    ask.charge_id = charge_id


async def _answer(gateway: Gateway, ask: _Ask) -> Sighting:
    """The charge as Ping++ has it, with all of its refunds. Raises _Dead, _NotYet, NotNow and Unanswered."""
    try:
        async with asyncio.timeout(ANSWER_WITHIN):
            charge = await gateway.retrieve_charge(ask.charge_id)
            found = sightings.of_charge(charge, "retrieve", ask.now_ms)
            if found.more_refunds or ask.claimed.member.startswith(":"):
                refunds = [refund async for refund in gateway.list_refunds(ask.charge_id)]
                charge = {**charge, "refunds": {"object": "list", "has_more": False, "data": refunds}}
                found = sightings.of_charge(charge, "retrieve", ask.now_ms)
    except TimeoutError:
        raise Unanswered("no answer from Ping++ in time") from None
    except NotFound as error:
        raise _Dead("charge_not_found", str(error)) from None
    except Refused as error:
        raise _Dead("gateway_refused", str(error)) from None
    except Malformed as error:
        raise _Dead("malformed", str(error)) from None
    except (NotNow, Unanswered) as error:
        if ask.age_ms > _GIVE_UP_MS:
            raise _Dead("gateway_unreachable", str(error)) from None
        raise
    if found.charge_id != ask.charge_id:
        raise _Dead("malformed", "asked for one charge, Ping++ answered with another")
    return found


def _settle(context: Context, ask: _Ask) -> tuple[str, list[str]]:
    """Fold what was found, if it confirms the event and agrees with the books. Returns outcome and messages."""
    found = ask.found
    assert found is not None and found.charge is not None  # noqa: S101, PT018  for the type checker
    member = ask.claimed.member
    if context.apps and app_of(found.object) not in context.apps:
        unit = Unit(done=[member], only_if_taken=True, aside="other_app")
        ledger.record(context.store, ASKS, [unit], context.keep_bodies_s)
        return "kept_aside", []
    if ask.reading.sighting:
        _compare(ask, ask.reading.sighting, found)
    named = f"{found.app}:{order_of(found.charge, context.order_key)}"
    for _ in range(_REFOLDS):
        loaded = ledger.load(context.store, [(found.charge_id, named)])
        name = loaded.ties.get(found.charge_id, named)
        problem = loaded.unreadable.get(name)
        if isinstance(problem, NewerSchema):
            raise _NotYet(str(problem))
        if problem:
            raise problem
        held = loaded.held[name]
        decision = Decision(held.payment)
        try:
            folded = decision.take(found)
        except Odd as odd:
            if odd.code == PAID_WHILE_REVERSING:
                raise _NotYet("it is being reversed") from None
            known = held.payment.charge(found.charge_id)
            raise _Dead(
                odd.code if odd.code in reasons.REASONS else "identity_conflict",
                odd.code,
                {"charge": found.charge_id, "payment": name, **facts_of(known)},
            ) from None
        charge = folded.payment.charge(found.charge_id)
        open_question = 0
        if charge and member.startswith(":"):  # what a full list of refunds does not explain, a person has to
            open_question = unexplained(folded.payment, charge)
            decision.asks.clear()
        unit = Unit(held, done=[] if open_question else [member])
        unit.becomes(decision, ask.now_ms, context.schedule)
        if not ledger.record(context.store, ASKS, [unit], context.keep_bodies_s):
            if open_question and charge and charge.amount_refunded > (found.charge.amount_refunded or 0):
                raise _NotYet("more was refunded since we asked")
            if open_question:
                raise _Dead("refunds_unexplained", f"{open_question} more than the refunds that Ping++ lists")
            return ("published" if folded.messages else "known"), [one.id for one in folded.messages]
    raise _NotYet("its payment is being written by others all the time")


def _compare(ask: _Ask, claimed: Sighting, found: Sighting) -> None:
    """Whether the answer confirms the event. Raises _Dead (contradicted) and _NotYet."""
    assert found.charge is not None  # noqa: S101  for the type checker
    differences = []
    if claimed.charge:
        differences = conflicts(claimed.charge, found.charge)
        differences += ["app"] if claimed.app != found.app else []
        differences += ["paid"] if claimed.charge.paid and not found.charge.paid else []
        differences += ["reversed"] if claimed.charge.reversed and not found.charge.reversed else []
    listed = {refund.id: refund for refund in found.refunds}
    for refund in claimed.refunds:
        there = listed.get(refund.id)
        if there is None or there.amount != refund.amount:
            differences.append(f"refund {refund.id}")
        elif (refund.succeeded and there.failed) or (refund.failed and there.succeeded):
            differences.append(f"refund {refund.id} status")
        elif (refund.succeeded or refund.failed) and not (there.succeeded or there.failed):
            if ask.age_ms < _NOT_YET_MS:
                raise _NotYet("the event calls the refund ended, Ping++ calls it pending")
            differences.append(f"refund {refund.id} status")
    if differences:
        raise _Dead("contradicted", "they differ in: " + ", ".join(differences))


def _bury(context: Context, ask: _Ask, dead: _Dead) -> None:
    both = {
        "odd": ask.odd,
        "claimed": evidence(ask.reading.sighting) if ask.reading.sighting else None,
        "found": evidence(ask.found) if ask.found else None,
        "held": dead.held,
    }
    letters.bury(
        context.store, ASKS, ask.claimed.member, dead.reason,
        attempts=min(ask.claimed.attempts, due.ATTEMPTS), about=ask.about, last_error=dead.error,
        evidence={name: value for name, value in both.items() if value},
    )  # fmt: skip
