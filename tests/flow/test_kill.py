"""Everything is killed at random under load, and whatever was acknowledged has its effect exactly once."""

import asyncio
import os
import random
import signal
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

import pytest

from tests.flow import books
from tests.flow.kit import System, seeded
from tests.flow.load import Load, Webhook
from tests.flow.signer import Signer, charge_id, order_no, other, other_id, paid
from tests.patience import until

VICTIMS = ("receiver", "pool", "events worker", "asks worker", "scheduler", "redis")


@dataclass(frozen=True)
class Size:
    """How much is sent, in how many seconds."""

    seconds: float
    orders: int
    second_charges: int
    others: int
    duplicates: int
    forged: int
    refunds: int


STORM = Size(25.0, 1500, 300, 400, 900, 200, 100)
SQUALL = Size(6.0, 360, 72, 96, 216, 48, 24)


@dataclass
class Plan:
    """What is sent, and what has to come of it: message ids, of the shared orders by what may be their first."""

    webhooks: list[Webhook] = field(default_factory=list)
    charges: dict[str, set[str]] = field(default_factory=dict)
    others: set[str] = field(default_factory=set)


def plan(signer: Signer, rng: random.Random, size: Size) -> Plan:
    made = Plan()
    bodies: list[tuple[float, Any]] = []
    owners = [(number, number) for number in range(size.orders)]
    owners += [(size.orders + i, rng.randrange(size.orders)) for i in range(size.second_charges)]
    for number, order in owners:
        made.charges.setdefault(order_no(order), set()).add(charge_id(number))
        bodies.append((rng.uniform(0, size.seconds), lambda p, n=number, o=order: paid(n, o, p)))
    for number in range(size.others):
        made.others.add(other_id(number))
        bodies.append((rng.uniform(0, size.seconds), lambda p, n=number: other(n, p)))
    # Ping++ sends again what it thinks was lost, and counts down pending_webhooks meanwhile.
    for at, body in rng.choices(bodies, k=size.duplicates):
        bodies.append((min(at + rng.choice((0.0, rng.uniform(0, size.seconds / 3))), size.seconds), body))
    for at, body in bodies:
        made.webhooks.append(sign(signer, at, body(rng.randrange(4))))
    stranger = Signer()
    known = size.orders + size.second_charges
    for number in range(known, known + size.forged):
        body = paid(number)
        by = stranger if rng.random() < 0.5 else signer
        signature = by.sign(body if by is stranger else body + b" ")
        made.webhooks.append(Webhook(rng.uniform(0, size.seconds), body, signature, forged=True))
    return made


def sign(signer: Signer, at: float, body: bytes) -> Webhook:
    return Webhook(at, body, signer.sign(body))


@pytest.mark.parametrize(
    "size", [SQUALL, pytest.param(STORM, marks=pytest.mark.slow)], ids=["squall", "storm"]
)
def test_what_was_acknowledged_takes_effect_once_whatever_is_killed(system: System, size: Size) -> None:
    rng = seeded()
    planned = plan(system.signer, rng, size)
    load = Load(system, planned.webhooks, rng)
    refunds = start_refunds(system, size.refunds)
    began = time.monotonic()
    kills = asyncio.run(storm(system, load, rng, size.seconds))
    sent = time.monotonic()
    until(lambda: recovered(system), "everything works again")
    system.sandbox("PUT", "/clock", {"scale": 1000})
    until(lambda: system.sandbox("GET", "/deliveries?limit=1")["outstanding"] == 0, "it has delivered all")
    assert '"gave_up"' not in (system.directory / "sandbox.log").read_text()
    with system.redis() as client:
        if size is SQUALL:  # the lease of an ask whose worker was killed lasts 60 s, which a storm waits for
            asks: Any = client.zrange("due:asks", 0, -1)
            for member in asks:
                client.zadd("due:asks", {member: 0}, xx=True)
        until(lambda: books.idle(client), "nothing waits")
        settled = time.monotonic()
        report(load, kills, sent - began, settled - sent)
        assert load.tally.acknowledged == len(planned.webhooks) - size.forged
        assert load.tally.refused == size.forged
        assert set(kills) == set(VICTIMS)
        assert client.zcard("dead_letters") == 0
        distinct = size.orders + size.second_charges + size.others + 2 * size.refunds
        assert sum(1 for _ in client.scan_iter("event:*", count=1000)) == distinct
        check_effects(books.messages(client), planned, refunds)
        books.check_agreement(client)


def start_refunds(system: System, count: int) -> list[tuple[str, str]]:
    """Have the sandbox pay and refund charges of its own meanwhile; (order_no, refund id) of each."""
    wanted = {
        "type": "refund.succeeded",
        "count": count,
        "rate": 10,  # early, for an ask whose worker was killed waits 60 s
        "livemode": True,
    }
    # It sends again in time to meet the storm, and not so often that it would give up before the end of it.
    system.sandbox("PUT", "/clock", {"scale": 5})
    events = system.sandbox("POST", "/trigger", wanted)["events"]
    return [(one["order_no"], one["object_id"]) for one in events if one["type"] == "refund.succeeded"]


async def storm(system: System, load: Load, rng: random.Random, seconds: float) -> Counter[str]:
    """Send, and kill meanwhile, each at least once; whatever ended is started again until all is acknowledged."""
    kills: Counter[str] = Counter()
    sending = asyncio.create_task(load.run())
    reviving = asyncio.create_task(revive(system))
    bag: list[str] = []
    end = time.monotonic() + seconds
    while time.monotonic() < end or len(+kills) < len(VICTIMS):
        await asyncio.sleep(rng.uniform(1.0, 2.0))
        if not bag:  # each gets its turn, in an order that nobody expects
            bag = rng.sample(VICTIMS, len(VICTIMS))
        kills[bag[-1]] += kill(system, bag.pop(), rng)
    await sending
    reviving.cancel()
    return +kills


async def revive(system: System) -> None:
    """A supervisor's part; it is not always quick."""
    while True:
        await asyncio.sleep(0.4)
        system.tend()


def recovered(system: System) -> bool:
    system.tend()
    return all(map(system.works, system.processes))


def kill(system: System, victim: str, rng: random.Random) -> bool:
    """SIGKILL it. False: it was not there, being started again just now."""
    if victim in ("events worker", "asks worker"):
        found = system.rq_workers(victim.partition(" ")[0])
        if found:
            os.kill(rng.choice(found), signal.SIGKILL)
        return bool(found)
    return system.kill("worker" if victim == "pool" else victim)


def check_effects(told: list[dict[str, Any]], planned: Plan, refunds: list[tuple[str, str]]) -> None:
    expected: Counter[str] = Counter(planned.others)
    expected.update(f"paid:{order}" for order in planned.charges)
    expected.update(f"refunded:{refund}" for _, refund in refunds)
    # A charge that is first heard of by its refund, and all of which went back, was never to be delivered.
    begun = {one["subject"] for one in told if one["id"].startswith("refunded:") and one["sequence"] == "1"}
    expected.update(f"paid:{order}" for order, _ in refunds if order not in begun)
    first = {one["subject"]: one["data"]["charge"]["id"] for one in told if one["id"].startswith("paid:")}
    for order, charges in planned.charges.items():
        assert first.get(order) in charges, order
        expected.update(f"paid_again:{charge}" for charge in charges - {first[order]})
    found = Counter(one["id"] for one in told)
    assert found - expected == Counter(), "published too often, or never to be published"
    assert expected - found == Counter(), "lost"
    kinds = {"paid": "paid", "paid_again": "paid_again", "refunded": "refunded"}
    for one in told:
        kind = kinds.get(one["id"].partition(":")[0])
        assert one["type"] == (f"pingpp.payment.{kind}" if kind else "pingpp.event.transfer.succeeded")


def report(load: Load, kills: Counter[str], sending: float, settling: float) -> None:
    tally = load.tally
    print(f"kills: {kills.total()} {dict(kills)}")
    print(
        f"posts: {sum(tally.answers.values()) + sum(tally.unanswered.values())}, of them {tally.retries} retries"
    )
    print(f"answers: {dict(tally.answers)}; without an answer: {dict(tally.unanswered)}")
    print(f"sending took {sending:.1f} s, settling {settling:.1f} s more")
