"""Asks Ping++ about odd events: where it is doubtful whether an event is true, the charge is retrieved and
compared.

(Charges that are not settled yet are looked at in `workers/check.py`.) A retrieve overrules an event, but
never our books or the registration. If it confirms the event, the answer is folded. If it contradicts the
event, or there is no such charge, a dead letter shows both sides. Without an answer, Ping++ is asked again
later.
"""

import asyncio
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from payments import members
from payments.books import ledger
from payments.books.fold import conflicts, unexplained
from payments.books.join import Decision
from payments.books.ledger import Busy, Unit
from payments.dead_letters.evidence import evidence
from payments.inbox.reading import Reading, read
from payments.keys import ASKS
from payments.pingpp import sighting as sightings
from payments.pingpp.event import app_of
from payments.pingpp.sighting import Sighting, order_of
from payments.taking.desk import Desk
from workers.context import Context
from workers.drain import Drain
from workers.outcome import ASKED, Case, Dead, NotYet, settle

CLAIM = 20  # asks at once
ANSWER_WITHIN = 45.0  # seconds for all calls about one charge; below the lease
_NOT_YET_MS = 3_600_000  # for so long an ended refund of an event may still be pending in the answer
_REFOLDS = 5


@dataclass(slots=True, kw_only=True)
class _Ask(Case):
    """One question to Ping++: about an odd event, or about a charge `alone`."""

    charge_id: str = ""
    reading: Reading = field(default_factory=Reading)

    @property
    def alone(self) -> bool:
        """Whether no event stands behind it: more of the charge was given back than the known refunds
        explain.
        """
        return members.kind_of(self.claimed.member) == "charge"


def drain(context: Context) -> int:
    """Ask until nothing is due, time is up, or the process is to end. Returns how many asks were claimed."""
    return asyncio.run(_drain(context))


async def _drain(context: Context) -> int:
    claims = Drain(context, ASKS, CLAIM)
    async with claims.desk() as desk:
        for claim in claims:
            asks = [_Ask(claimed=one, now_ms=claim.now_ms, kind=ASKED) for one in claim.members]
            settled = (settle(context.store, ASKS, one, partial(_ask, context, desk, one)) for one in asks)
            for problem in await asyncio.gather(*settled, return_exceptions=True):
                if isinstance(problem, BaseException):  # raised only now, so that the other asks could end
                    raise problem
    return claims.claimed


async def _ask(context: Context, desk: Desk, ask: _Ask) -> str:
    _read_question(context, ask)
    async with asyncio.timeout(ANSWER_WITHIN):
        found = await desk.retrieve(ask.charge_id, all_refunds=ask.alone)
    ask.evidence["found"] = evidence(found)
    return _settle(context, ask, found)


def _read_question(context: Context, ask: _Ask) -> None:
    member = ask.claimed.member
    if ask.alone:
        ask.charge_id, _, _ = members.read_member(member)
        ask.about = {"charge_id": ask.charge_id}
        _note(ask, "refunds_unexplained")
        return
    body = cast("bytes | None", context.store.client.get(context.store.keys.body(member)))
    if body is None:
        raise Dead("body_missing")
    odd = cast("bytes | None", context.store.client.hget(context.store.keys.event(member), "odd"))
    _note(ask, odd.decode() if odd else "")
    ask.reading = read(member, body, ask.claimed.since_ms, livemode=context.livemode, apps=context.apps)
    ask.about = ask.reading.about
    if ask.reading.sighting:
        ask.evidence["claimed"] = evidence(ask.reading.sighting)
    charge_id = sightings.charge_named_by(ask.reading.event) if ask.reading.event else None
    if charge_id is None:
        raise Dead(ask.reading.dead or "no_charge", ask.reading.error)
    ask.charge_id = charge_id


def _note(ask: _Ask, odd: str) -> None:
    """Note what is odd, for the log line and the dead letter."""
    if odd:
        ask.more["odd"] = ask.evidence["odd"] = odd


def _settle(context: Context, ask: _Ask, found: Sighting) -> str:
    """Join the answer, if it confirms the event and agrees with the books. Returns the outcome."""
    assert found.charge is not None  # noqa: S101  for the type checker
    member = ask.claimed.member
    if context.apps and app_of(found.object) not in context.apps:
        unit = Unit(done=[member], only_if_taken=True, aside="other_app")
        ledger.record(context.store, ASKS, [unit], context.keep_bodies_s)
        return "kept_aside"
    if ask.reading.sighting:
        _compare(ask, ask.reading.sighting, found)
    named = f"{found.app}:{order_of(found.charge, context.order_key)}"
    for _ in range(_REFOLDS):
        loaded = ledger.load(context.store, [(found.charge_id, named)], ask.now_ms)
        name = loaded.ties.get(found.charge_id, named)
        if name in loaded.unreadable:
            raise loaded.unreadable[name]
        held = loaded.held[name]
        decision = Decision(held.payment)
        folded = decision.take(found)
        charge = folded.payment.charge(found.charge_id)
        open_question = 0
        if ask.alone and charge:  # what a full list of refunds does not explain, an operator has to find out
            open_question = unexplained(folded.payment, charge)
            decision.asks.clear()
        unit = Unit(held, done=[] if open_question else [member])
        unit.becomes(decision, ask.now_ms, context.schedule)
        if not ledger.record(context.store, ASKS, [unit], context.keep_bodies_s):
            if open_question and charge and charge.amount_refunded > (found.charge.amount_refunded or 0):
                raise NotYet("more was refunded since we asked")
            if open_question:
                raise Dead("refunds_unexplained", f"{open_question} more than the refunds that Ping++ lists")
            ask.more["told"] = [one.id for one in folded.messages]
            return "published" if folded.messages else "known"
    raise Busy("other processes write its payment all the time")


def _compare(ask: _Ask, claimed: Sighting, found: Sighting) -> None:
    """Check that the answer confirms the event. Raises Dead (contradicted) and NotYet."""
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
                raise NotYet("the event calls the refund ended, Ping++ calls it pending")
            differences.append(f"refund {refund.id} status")
    if differences:
        raise Dead("contradicted", "they differ in: " + ", ".join(differences))
