"""Sweeps: pages through what Ping++ lists, and compares it with the books, in constant memory.

What was paid there and not here is folded and published like any other sighting; what differs, or is here and not
there, is asked. Each page is recorded before the next one is asked for, and what has been swept stands in the
progress, so that a sweep goes on where it was cut off.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec.structs import replace

from payments import members
from payments.books import ledger
from payments.books.fold import Folded
from payments.books.join import PAID_WHILE_REVERSING, Decision, Odd
from payments.books.laws import LawBroken
from payments.books.ledger import Held, Unit
from payments.books.payment import Payment
from payments.keys import SWEEPS
from payments.pingpp import sighting as sightings
from payments.pingpp.sighting import Malformed, Sighting, order_of
from payments.taking.desk import Desk

_REFOLDS = 5
_AT_ONCE = 500  # charges of the books that are compared in one go
_LISTED_AFTER_S = 10  # what was made so shortly before may not be listed yet: no reason to ask
PAGE_WITHIN_S = 45.0  # its turn among all calls included; below the lease
REFUNDS_BACK_S = 30 * 86_400  # a reconciliation looks for refunds of charges so old


class Progress(msgspec.Struct, frozen=True):
    """How far a sweep is, and what it found; it becomes the report. Window and times in Unix seconds.

    `kind`: `discover` or `reconcile`. Counted: `compared` charges, of which `equal`; `missed` (paid there, not here),
    `adopted` (taken under care: open, or paid before we watched), `refunds` (given back there, not here), `updated`
    (anything else new), `disputed` (asked about), `unknown` (only reported), and `calls` of Ping++.
    """

    kind: str
    app: str
    since: int
    until: int
    began_at: int
    dry_run: bool = False
    phase: str = "charges"  # then, of a reconciliation, "refunded": older charges with refunds
    cursor: str = ""  # the charge after which the next page begins
    low: int | None = None  # when that one was created; the second is not complete,
    at_low: tuple[str, ...] = ()  # and these charges of it were seen
    compared: int = 0
    equal: int = 0
    missed: int = 0
    adopted: int = 0
    refunds: int = 0
    updated: int = 0
    disputed: int = 0
    unknown: int = 0
    calls: int = 0
    ended_at: int | None = None
    examples: tuple[str, ...] = ()  # charges that differed, some of them

    @property
    def matches(self) -> bool:
        """Whether the books and Ping++ say the same. Charges that were not known, and unpaid, are no difference."""
        return not (self.missed or self.refunds or self.disputed or self.unknown)


_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Rules:
    """`watch_from` (Unix seconds): what only a sweep tells and is older enters the books without a message. `adopt`:
    charges that we never heard of are taken under care, else they are only reported.
    """

    watch_from: int
    adopt: bool = True


async def sweep(
    desk: Desk, progress: Progress, rules: Rules, save: Callable[[Progress], Awaitable[None]]
) -> Progress:
    """Sweep the window from where `progress` says; `save` gets each step, and may raise to stop there.

    Raises GatewayError, RedisError, NewerSchema.
    """
    while True:
        async for at_ms, page in _pages(desk, progress):
            progress = await asyncio.to_thread(_compare, desk, progress, rules, page, at_ms)
            await save(progress)
        progress = replace(progress, calls=progress.calls + 1) if not progress.cursor else progress
        if progress.phase == "refunded":
            return progress
        progress = await asyncio.to_thread(_rest, desk, progress)
        if progress.kind != "reconcile":
            return progress
        progress = replace(progress, phase="refunded", cursor="", low=None, at_low=())
        await save(progress)


async def _pages(desk: Desk, progress: Progress) -> Any:
    """(When the look began, the page); the next one is asked for only when it is wanted."""
    filters: dict[str, int | bool] = {"created_gte": progress.since, "created_lte": progress.until}
    if progress.phase == "refunded":
        filters = {
            "created_gte": max(0, progress.since - REFUNDS_BACK_S),
            "created_lt": progress.since,
            "refunded": True,
        }
    pages = desk.gateway.list_charges(progress.app, after=progress.cursor or None, **filters)
    while True:
        at_ms = await desk.now_ms()
        try:
            async with asyncio.timeout(PAGE_WITHIN_S):
                page = await anext(pages)
        except StopAsyncIteration:
            return
        yield at_ms, page


def _compare(
    desk: Desk, progress: Progress, rules: Rules, page: list[dict[str, Any]], at_ms: int
) -> Progress:
    """One page: folded, recorded and counted; and what the books have between its charges and it has not, asked."""
    asks: list[str] = []
    seen: list[Sighting] = []
    for charge in page:
        try:
            seen.append(sightings.of_charge(charge, "list", at_ms))
        except Malformed:
            asks.append(str(charge.get("id")))
    found: dict[str, int] = defaultdict(int)
    differing = list(asks)
    todo = seen
    for _ in range(_REFOLDS):
        if not todo:
            break
        todo = _record(desk, rules, todo, dry_run=progress.dry_run, found=found, differing=differing)
    differing += [one.charge_id for one in todo]  # written by others all the time: ask
    asks += [one.charge_id for one in todo]
    progress = replace(
        progress,
        calls=progress.calls + 1,
        compared=progress.compared + len(page),
        disputed=progress.disputed + len(asks) + found.pop("disputed", 0),
        examples=(*progress.examples, *differing)[:_EXAMPLES],
        cursor=str(page[-1].get("id")),
        **{name: getattr(progress, name) + n for name, n in found.items()},
    )
    created = [
        (int(charge["created"]), str(charge["id"]))
        for charge in page
        if isinstance(charge.get("created"), int)
    ]
    progress = _missing(desk, progress, created)
    _ask(desk, progress, asks)
    return progress


def _record(
    desk: Desk,
    rules: Rules,
    seen: list[Sighting],
    *,
    dry_run: bool,
    found: dict[str, int],
    differing: list[str],
) -> list[Sighting]:
    """Fold and record; returns those whose payment was written by others meanwhile, which are not counted yet."""
    pairs = [(one.charge_id, _named(desk, one)) for one in seen]
    loaded = ledger.load(desk.store, pairs, seen[0].at_ms)
    groups: dict[str, list[Sighting]] = defaultdict(list)
    for one, (_, named) in zip(seen, pairs, strict=True):
        groups[loaded.ties.get(one.charge_id, named)].append(one)
    units: list[tuple[Unit, list[Sighting], list[tuple[str, str]]]] = []
    for name, group in groups.items():
        if name in loaded.unreadable:
            raise loaded.unreadable[name]
        try:
            unit, outcomes = _join(desk, loaded.held[name], group, rules)
        except LawBroken:  # a mistake of ours in one payment must not stop the others; asking tells of it
            unit = Unit(asks=[members.member_of_charge(one.charge_id) for one in group])
            outcomes = [(one.charge_id, "disputed") for one in group]
        units.append((unit, group, outcomes))
    gone: set[int] = set()
    if not dry_run:
        written = [unit for unit, _, _ in units if unit.document or unit.asks]
        gone = {id(one) for one in ledger.record(desk.store, SWEEPS, written, 1)}
    again = []
    for unit, group, outcomes in units:
        if id(unit) in gone:
            again += group
            continue
        for charge_id, outcome in outcomes:
            found[outcome] += 1
            if outcome not in ("equal", "adopted", "updated"):
                differing.append(charge_id)
    return again


def _named(desk: Desk, seen: Sighting) -> str:
    assert seen.charge is not None  # noqa: S101  a list holds charges
    return f"{seen.app}:{order_of(seen.charge, desk.order_key)}"


def _join(desk: Desk, held: Held, group: list[Sighting], rules: Rules) -> tuple[Unit, list[tuple[str, str]]]:
    decision, unit = Decision(held.payment), Unit(held)
    outcomes = [(seen.charge_id, _take(decision, seen, rules)) for seen in group]
    unit.becomes(decision, group[0].at_ms, desk.schedule)
    return unit, outcomes


def _take(decision: Decision, seen: Sighting, rules: Rules) -> str:
    before = decision.payment
    strange = before.charge(seen.charge_id) is None and before.registration is None
    taken = rules.adopt or not strange
    try:
        told = (decision if taken else Decision(before)).take(  # what is not taken is looked at all the same
            seen, watch_from=rules.watch_from if strange else None
        )
    except Odd as odd:
        if odd.code == PAID_WHILE_REVERSING:  # its own check settles that
            return "equal"
        decision.asks.append(members.member_of_charge(seen.charge_id))
        return "disputed"
    if not taken:
        return "unknown"
    if seen.more_refunds:
        decision.asks.append(members.member_of_charge(seen.charge_id))
    return _outcome(before, told, seen)


def _outcome(before: Payment, told: Folded, seen: Sighting) -> str:
    if told.payment is before:
        return "equal"
    kinds = {one.type for one in told.messages}
    if kinds & {"paid", "paid_again", "paid_late"}:
        return "missed"
    if before.charge(seen.charge_id) is None:
        return "adopted"
    return (
        "refunds"
        if kinds & {"refunded", "refund_failed"} or len(told.payment.refunds) > len(before.refunds)
        else "updated"
    )


def _missing(desk: Desk, progress: Progress, created: list[tuple[int, str]]) -> Progress:
    """Ask about what the books have in the seconds that are complete now, and the pages have not."""
    if progress.phase != "charges" or not created:
        return progress
    low = min(second for second, _ in created)
    upper = _compared_until(progress) if progress.low is None else progress.low
    seen = {*progress.at_low, *(charge_id for _, charge_id in created)}
    progress = _ask_missing(desk, progress, f"({low}", upper, seen)
    same = progress.at_low if progress.low == low else ()
    return replace(progress, low=low, at_low=(*same, *(one for second, one in created if second == low)))


def _compared_until(progress: Progress) -> int:
    return min(progress.until, progress.began_at - _LISTED_AFTER_S)


def _rest(desk: Desk, progress: Progress) -> Progress:
    """The same for what is older than the last charge listed."""
    upper = _compared_until(progress) if progress.low is None else progress.low
    return _ask_missing(desk, progress, str(progress.since), upper, set(progress.at_low))


def _ask_missing(desk: Desk, progress: Progress, low: str, upper: int, seen: set[str]) -> Progress:
    index, offset = desk.store.keys.charges(progress.app), 0
    while True:
        held: Any = desk.store.client.zrangebyscore(index, low, upper, start=offset, num=_AT_ONCE)
        if not held:
            return progress
        offset += len(held)
        missing = [charge_id for one in held if (charge_id := one.decode()) not in seen]
        _ask(desk, progress, missing)
        progress = replace(
            progress,
            compared=progress.compared + len(missing),
            disputed=progress.disputed + len(missing),
            examples=(*progress.examples, *missing)[:_EXAMPLES],
        )


def _ask(desk: Desk, progress: Progress, charges: list[str]) -> None:
    if charges and not progress.dry_run:
        unit = Unit(asks=[members.member_of_charge(one) for one in charges])
        ledger.record(desk.store, SWEEPS, [unit], 1)
