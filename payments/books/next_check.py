"""Checks: when each charge, refund or attempt that is not settled is to be looked at next. Pure: times in,
times out.

Checks follow from the payment alone, so recording a change sets and removes them in the same step. Times are
counted from when the charge began, not from the last look: looking twice moves nothing.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from payments.books.attempts import refund_late, reversal_due
from payments.books.fold import EXPIRY_GRACE
from payments.books.payment import Attempt, Charge, Payment, RefundAttempt
from payments.channels.channel import CLOSE_BY, ORDINARY
from payments.channels.table import find
from payments.keys import CHECKS, CHECKS_NOW
from payments.members import member_of_attempt, member_of_charge

_AROUND_EXPIRY_MS = 60_000
_HOUR_MS = 3_600_000
# The age at which a charge without `time_expire`, or a pending refund, is not looked at any more. No channel
# lets a charge live so long.
_GIVE_UP_MS = 40 * 24 * _HOUR_MS


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a charge is looked at for which no person waits."""

    #: seconds from its beginning to the first look
    first_s: float = ORDINARY.gaps[0]
    #: seconds between looks; the last repeats
    gaps_s: tuple[float, ...] = ORDINARY.gaps[1:]

    def after(self, began_ms: int, now_ms: int) -> int:
        """The first time (ms) after now at which a look is planned."""
        due = began_ms
        for gap in (self.first_s, *self.gaps_s):
            due += int(1000 * gap)
            if due > now_ms:
                return due
        last = int(1000 * self.gaps_s[-1])
        return due + last * ((now_ms - due) // last + 1)


BY_DEFAULT = Schedule()
_AT_THE_TILL = Schedule(CLOSE_BY.gaps[0], CLOSE_BY.gaps)


@dataclass(frozen=True, slots=True)
class Check:
    """A look that is planned: in the due set `due_set`, at `due_ms` by Redis's clock."""

    due_set: str
    due_ms: int


def changes(
    before: Payment, after: Payment, now_ms: int, schedule: Schedule = BY_DEFAULT
) -> dict[str, Check | None]:
    """The checks that record.lua has to set, or to remove (None), by member, when `before` becomes `after`."""
    if before is after:
        return {}
    then = dict(_all(before, now_ms, schedule))
    found: dict[str, Check | None] = {}
    for member, check in _all(after, now_ms, schedule):
        if check is not None:
            found[member] = check
        elif then.get(member) is not None:
            found[member] = None
    found.update(
        {member: None for member, check in then.items() if check is not None and member not in found}
    )
    return found


def _all(payment: Payment, now_ms: int, schedule: Schedule) -> Iterator[tuple[str, Check | None]]:
    for charge in payment.charges:
        yield member_of_charge(charge.id), of_charge(payment, charge, now_ms, schedule)
    attempts: list[Attempt | RefundAttempt] = [*payment.attempts, *payment.refund_attempts]
    for attempt in attempts:
        if attempt.open:
            yield member_of_attempt(attempt.id, payment.name), Check(CHECKS_NOW, attempt.over_ms)


def of_member(payment: Payment, member: str, now_ms: int, schedule: Schedule = BY_DEFAULT) -> Check | None:
    """When the charge or attempt that a member names is to be looked at next; None: it is settled."""
    return dict(_all(payment, now_ms, schedule)).get(member)


def of_charge(payment: Payment, charge: Charge, now_ms: int, schedule: Schedule = BY_DEFAULT) -> Check | None:
    """When a charge is to be looked at next; None: there is nothing more to learn that a webhook would not
    tell.
    """
    reversal = payment.reversing(charge.id)
    if reversal:
        return Check(CHECKS_NOW, reversal.over_ms)
    if not charge.open:  # nearly all of them
        return (
            _of_refunds(payment, charge, now_ms, schedule)
            if payment.refunds or payment.registration
            else None
        )
    watch = find(charge.channel).watch
    began_ms = next((one.at_ms for one in payment.attempts if one.charge == charge.id), 1000 * charge.created)
    # At the till a customer waits, but not when the minute is long over.
    waited_for = watch.reverse_after is not None and now_ms - began_ms < 10 * 1000 * watch.reverse_after
    due = (_AT_THE_TILL if waited_for else schedule).after(began_ms, now_ms)
    if charge.time_expire is not None:
        last = 1000 * (charge.time_expire + EXPIRY_GRACE) + 1
        if due > last - 2 * _AROUND_EXPIRY_MS:
            due = max(now_ms + 1, min(due, _slot_around(last, now_ms)))
    elif now_ms - began_ms > _GIVE_UP_MS:
        return None
    reverse_ms = reversal_due(payment, charge)
    if reverse_ms is not None:
        due = max(now_ms, min(due, reverse_ms)) if reverse_ms > now_ms else now_ms
        waited_for = True
    return Check(CHECKS_NOW if waited_for else CHECKS, due)


def _of_refunds(payment: Payment, charge: Charge, now_ms: int, schedule: Schedule) -> Check | None:
    late = refund_late(payment)
    if late and late[0].id == charge.id:
        return Check(CHECKS, max(now_ms, late[1]))
    began = [
        refund.created
        for refund in payment.refunds
        if refund.charge == charge.id and refund.status == "pending"
    ]
    if not began:
        return None
    # A refund may take days. The newest decides: a person may be waiting for that one.
    newest_ms = max((1000 * one for one in began if one is not None), default=now_ms)
    due = schedule.after(newest_ms, now_ms)
    if now_ms - newest_ms > _GIVE_UP_MS:
        return None
    return Check(CHECKS, due if now_ms - newest_ms < 24 * _HOUR_MS else now_ms + _HOUR_MS)


def _slot_around(last_ms: int, now_ms: int) -> int:
    """Once a minute around `time_expire`; the last look is the one that can say: the charge has expired."""
    if now_ms >= last_ms:
        return now_ms + _AROUND_EXPIRY_MS
    behind = min(2, (last_ms - now_ms - 1) // _AROUND_EXPIRY_MS)
    return int(last_ms - behind * _AROUND_EXPIRY_MS)
