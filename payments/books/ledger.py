"""The ledger: the only module that loads payment documents and writes them, with all that follows, in one
step.

All writing is done by record.lua. It compares the document's token with the one that was read; if they
differ, nothing is changed and the caller folds again. So a message exists if and only if its fact is in the
books.
"""

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar, cast

import redis
from redis.exceptions import NoScriptError

from payments import clock
from payments.books import document, laws, next_check
from payments.books.document import SCHEMA, TOKEN_BYTES, NewerSchema
from payments.books.join import Decision
from payments.books.next_check import BY_DEFAULT, Check, Schedule
from payments.books.payment import Payment
from payments.due import Errand
from payments.keys import ASKS, CHECKS, CHECKS_NOW, Keys
from payments.scripts import script
from payments.store import Store

_record = script(__file__, "record")

UNITS = 100  # payments in one call at the most: a few milliseconds of Redis's time
_REFOLDS = 8  # of one change, when other processes write the same payment


class Busy(RuntimeError):
    """Another process wrote the payment each time: try again later."""


Ties = Mapping[str, str]  # charge id → the payment, `<app>:<order_no>`, that it is tied to


@dataclass(frozen=True, slots=True)
class Held:
    """A payment as it was read, with its token (16 bytes; empty: the payment is not in Redis yet)."""

    payment: Payment
    token: bytes = b""


@dataclass(slots=True)
class Unit:
    """What is recorded together, or not at all. `becomes` sets all that follows from a decision."""

    #: the payment as it was read
    held: Held | None = None
    #: the new document; empty: none is written
    document: bytes = b""
    #: charges to tie to the payment: id, when Ping++ created it (s)
    charges: Sequence[tuple[str, int]] = ()
    #: token of the checkout to tie to the payment
    checkout: str = ""
    #: CloudEvents to publish
    messages: list[bytes] = field(default_factory=list)
    #: members to take off the due set that the work was claimed from
    done: list[str] = field(default_factory=list)
    #: by member: when to look at it; None: not any more
    checks: dict[str, Check | None] = field(default_factory=dict)
    #: members to add to the due set `asks`
    asks: Sequence[str] = ()
    #: record it only if this call takes the member in `done` off its due set, where no document can be
    #: compared
    only_if_taken: bool = False
    #: why the event in `done` is kept aside; empty: it is not
    aside: str = ""

    def becomes(self, decision: Decision, now_ms: int, schedule: Schedule) -> None:
        """Set what the payment becomes, and all that follows from it. Raises LawBroken."""
        assert self.held is not None  # noqa: S101  for the type checker: only what was read can change
        before, after = self.held.payment, decision.payment
        laws.check_change(before, after, told=len(decision.messages))
        self.messages, self.asks = decision.messages, decision.asks
        if after is before:  # then no document is written
            return
        self.document = document.encode(after)
        self._tie(before, after)
        self.checks = next_check.changes(before, after, now_ms, schedule)

    def _tie(self, before: Payment, after: Payment) -> None:
        if after.charges is not before.charges:
            known = {one.id for one in before.charges}
            self.charges = [(one.id, one.created) for one in after.charges if one.id not in known]
        token = after.registration.token if after.registration else ""
        if token and not (before.registration and before.registration.token):
            self.checkout = token


@dataclass(frozen=True, slots=True)
class Loaded:
    """What a batch of work needs of the ledger. Payments are named `<app>:<order_no>`."""

    #: which payment each charge is tied to
    ties: Ties
    #: the payments, by name
    held: Mapping[str, Held]
    #: payments that this release cannot read, and why: NewerSchema or ValueError
    unreadable: Mapping[str, Exception]


def load(store: Store, charges: Iterable[tuple[str, str | None]], now_ms: int) -> Loaded:
    """Load the payments of `charges`: pairs of (charge id, the payment to which it belongs if it is tied to
    none). A payment that is not there yet begins at `now_ms`, by Redis's clock.

    One round trip to Redis; a second one where a charge is tied to another payment than its order_no names.
    """
    wanted, names = _named(charges)
    read: Any = store.client.mget(_read_first(store, wanted, names)) if wanted or names else []
    return _loaded(store, wanted, names, read, now_ms)


def load_now(store: Store, charges: Iterable[tuple[str, str | None]]) -> tuple[int, Loaded]:
    """The same with the time (ms, Redis's clock), which is asked for in the same round trip."""
    wanted, names = _named(charges)
    step = store.client.pipeline(transaction=False)
    step.time()
    step.mget(_read_first(store, wanted, names))
    time, read = step.execute()
    now_ms = clock.in_ms(time)
    return now_ms, _loaded(store, wanted, names, read, now_ms)


def _named(charges: Iterable[tuple[str, str | None]]) -> tuple[list[str], list[str]]:
    pairs = list(charges)
    wanted = list(dict.fromkeys(charge for charge, _ in pairs if charge))
    return wanted, sorted({name for _, name in pairs if name is not None})


def _read_first(store: Store, wanted: list[str], names: list[str]) -> list[str]:
    return [store.keys.charge(c) for c in wanted] + [store.keys.payment(n) for n in names]


def _loaded(store: Store, wanted: list[str], names: list[str], found: list[Any], now_ms: int) -> Loaded:
    tied = {c: value.decode() for c, value in zip(wanted, found, strict=False) if value is not None}
    values = dict(zip(names, found[len(wanted) :], strict=True))
    missing = sorted(set(tied.values()) - values.keys())
    if missing:
        values |= dict(zip(missing, store.client.mget([store.keys.payment(n) for n in missing]), strict=True))
    held: dict[str, Held] = {}
    unreadable: dict[str, Exception] = {}
    for name, value in values.items():
        try:
            held[name] = _new(name, now_ms) if value is None else read_held(name, value)
        except (NewerSchema, ValueError) as error:  # one that cannot be read is no reason to stop the others
            unreadable[name] = error
    return Loaded(tied, held, unreadable)


def load_payment(store: Store, name: str) -> Payment | None:
    """One payment by its name, `<app>:<order_no>`; None where there is none. Raises NewerSchema and
    ValueError.
    """
    value = cast("bytes | None", store.client.get(store.keys.payment(name)))
    return read_held(name, value).payment if value else None


D = TypeVar("D", bound=Decision)


def change(
    store: Store,
    name: str,
    decide: Callable[[Payment, int], D],
    *,
    charge: str | None = None,
    errand: Errand | None = None,
    keep_body_s: int = 1,
    schedule: Schedule = BY_DEFAULT,
) -> D:
    """Change one payment: the one that `charge` is tied to, else the one called `name`. Returns what was
    decided.

    `decide` gets the payment and the time (ms, Redis's clock). It may be called several times; an exception
    that it raises ends the change. The member of `errand` is taken off its due set in the same step; a check
    that settled nothing is set again. Raises NewerSchema, ValueError (unreadable document), LawBroken and
    Busy.
    """
    due_set = errand.due_set if errand else CHECKS
    for _ in range(_REFOLDS):
        now_ms, loaded = load_now(store, [(charge or "", name)])
        own = loaded.ties.get(charge, name) if charge else name
        if own in loaded.unreadable:
            raise loaded.unreadable[own]
        held = loaded.held[own]
        decision = decide(held.payment, now_ms)
        unit = Unit(held, done=[errand.member] if errand else [])
        unit.becomes(decision, now_ms, schedule)
        if errand and due_set in (CHECKS, CHECKS_NOW):
            unit.checks[errand.member] = next_check.of_member(
                decision.payment, errand.member, now_ms, schedule
            )
        if not (unit.document or unit.done or unit.asks):
            return decision
        if not record(store, due_set, [unit], keep_body_s):
            return decision
    raise Busy("other processes write its payment all the time")


def record(store: Store, due_set: str, units: Sequence[Unit], keep_body_s: int) -> list[Unit]:
    """Record units whose members were claimed from `due_set`, in one round trip. Bodies of events that are
    done are kept for `keep_body_s` seconds.

    Returns the units whose payment was written meanwhile, or whose charge is tied to another payment: nothing
    of them was recorded.
    """
    if not units:
        return []
    groups = [units[i : i + UNITS] for i in range(0, len(units), UNITS)]
    tokens = iter(_tokens(len(units)))
    calls = [_arguments(store.keys, due_set, group, keep_body_s, tokens) for group in groups]
    try:
        answers = _run(store.client, calls)
    except NoScriptError:  # none of them ran, or those that did will say "moved" and are folded again
        store.client.script_load(_record.source.decode())
        answers = _run(store.client, calls)
    return [group[position - 1] for group, moved in zip(groups, answers, strict=True) for position in moved]


def _run(client: redis.Redis, calls: list[tuple[list[str], list[Any]]]) -> list[list[int]]:
    if len(calls) == 1:
        keys, arguments = calls[0]
        return [client.evalsha(_record.sha, len(keys), *keys, *arguments)]
    pipeline = client.pipeline(transaction=False)
    for keys, arguments in calls:
        pipeline.evalsha(_record.sha, len(keys), *keys, *arguments)
    return pipeline.execute()


def _arguments(
    keys: Keys, due_set: str, units: Sequence[Unit], keep_body_s: int, tokens: Any
) -> tuple[list[str], list[Any]]:
    names = [
        keys.fulfilment, keys.due(due_set), keys.attempts(due_set), keys.due(CHECKS), keys.attempts(CHECKS),
        keys.due(CHECKS_NOW), keys.attempts(CHECKS_NOW), keys.due(ASKS), keys.payments, keys.kept_aside,
    ]  # fmt: skip
    arguments: list[Any] = [keep_body_s]
    for unit in units:
        # Checks follow from what was read: they may be set only if the payment is still the same.
        if unit.held is not None and (unit.document or unit.checks):
            read = unit.held
            names.append(keys.payment(read.payment.name))
            arguments += (
                next(tokens) + unit.document if unit.document else "",
                read.token,
                read.payment.name,
                read.payment.created_ms,
            )
        else:
            arguments += ("", "", "", 0)
        names += (keys.charge(charge) for charge, _ in unit.charges)
        if unit.checkout:
            names.append(keys.checkout(unit.checkout))
        if unit.charges and unit.held is not None:
            names.append(keys.charges(unit.held.payment.app))
        names += (keys.body(member) for member in unit.done)
        if unit.aside:
            names.append(keys.event(unit.done[0]))
        ties = len(unit.charges) + bool(unit.checkout)
        arguments += (ties, len(unit.charges))
        for charge, created in unit.charges:
            arguments += (created, charge)
        arguments += (len(unit.messages), *unit.messages, len(unit.done), *unit.done)
        arguments.append(len(unit.checks))
        for member, check in unit.checks.items():
            arguments += (member, check.due_ms if check else "", check.due_set if check else CHECKS)
        arguments += (len(unit.asks), *unit.asks, "taken" if unit.only_if_taken else "always", unit.aside)
    return names, arguments


def _tokens(n: int) -> list[bytes]:
    """Random, not counted: a counter would repeat after a failover to a replica that lacks the last writes."""
    half = TOKEN_BYTES // 2
    drawn = os.urandom(half * n)
    return [drawn[half * i : half * (i + 1)].hex().encode() for i in range(n)]


def _new(name: str, now_ms: int) -> Held:
    app, _, order_no = name.partition(":")
    return Held(Payment(SCHEMA, app, order_no, created_ms=now_ms))


def read_held(name: str, value: bytes) -> Held:
    """Read the value of the key of the payment `name`. Raises NewerSchema and ValueError."""
    payment = document.decode(value[TOKEN_BYTES:])
    laws.check_read(name, payment)
    return Held(payment, value[:TOKEN_BYTES])
