"""Sweeps: pages through what Ping++ lists, and compares it with the books, in constant memory.

A charge that is paid at Ping++ and not here is folded and published like any other sighting. About a charge
that differs, or that only the books have, Ping++ is asked. Each page is recorded before the next one is asked
for, and the progress tells what was swept, so a sweep goes on where it was cut off.
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
_AT_ONCE = 500  # charges of the books that are read in one step
_LISTED_AFTER_S = 10  # a charge made so shortly before may not be listed yet: no reason to ask
PAGE_WITHIN_S = 45.0  # for one page, with the wait for its turn; below the lease
REFUNDS_BACK_S = 30 * 86_400  # a reconciliation looks for refunds of charges that are so old


class Progress(msgspec.Struct, frozen=True):
    """How far a sweep is, and what it found; it becomes the report. Times in Unix seconds."""

    #: `discover` or `reconcile`
    kind: str
    app: str
    #: charges created from `since` to `until` are compared
    since: int
    until: int
    began_at: int
    dry_run: bool = False
    #: `charges`; then, of a reconciliation, `refunded`: older charges with refunds
    phase: str = "charges"
    #: the charge after which the next page begins
    cursor: str = ""
    #: the second in which the last charge seen was created; it may hold more charges
    low: int | None = None
    #: the charges of that second that were seen
    at_low: tuple[str, ...] = ()
    #: how many charges were compared; the numbers down to `unknown` are parts of it
    compared: int = 0
    equal: int = 0
    #: paid at Ping++, not in the books
    missed: int = 0
    #: taken under care: open, or paid before we watched
    adopted: int = 0
    #: given back at Ping++, not in the books
    refunds: int = 0
    #: new in any other way
    updated: int = 0
    #: Ping++ is asked about them
    disputed: int = 0
    #: never heard of, and only reported
    unknown: int = 0
    #: calls to Ping++
    calls: int = 0
    ended_at: int | None = None
    #: ids of some charges that differed
    examples: tuple[str, ...] = ()

    @property
    def matches(self) -> bool:
        """Whether the books and Ping++ say the same. An unpaid charge that was not known is no difference."""
        return not (self.missed or self.refunds or self.disputed or self.unknown)


_EXAMPLES = 20


@dataclass(frozen=True, slots=True)
class Rules:
    """What a sweep does with charges that were not in the books."""

    #: Unix seconds; facts that are older enter the books without a message
    watch_from: int
    #: take them under care; else they are only reported
    adopt: bool = True


async def sweep(
    desk: Desk, progress: Progress, rules: Rules, save: Callable[[Progress], Awaitable[None]]
) -> Progress:
    """Sweep the window from where `progress` stands. `save` gets each step, and may raise to stop the sweep
    there.

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
    """Pages, each with the time (ms) when the look began; a page is asked for only when it is needed."""
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
    """Fold, record and count one page; ask about charges that the books have in its time and the page has
    not.
    """
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
    differing += [one.charge_id for one in todo]  # other processes wrote the payment each time: ask
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
    """Fold and record. Returns the sightings whose payment was written meanwhile; they are not counted yet."""
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
        except LawBroken:  # a mistake of ours in one payment must not stop the others; the ask will report it
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
        # A charge that is not taken is joined too, to see whether it is odd.
        told = (decision if taken else Decision(before)).take(
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
    """Ask about charges that the books have in the seconds that are complete now, and that no page has."""
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
