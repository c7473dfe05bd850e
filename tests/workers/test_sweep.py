"""Sweeps against the sandbox: every difference between what it lists and our books ends right, and is counted."""

import asyncio
import dataclasses
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
from msgspec.structs import replace

from payments.books import join
from payments.dead_letters import letters
from payments.keys import ASKS, CHECKS, SWEEPS, Keys
from payments.pingpp.gateway import Gateway
from payments.pingpp.sighting import of_charge
from payments.reconciliation import marks, reports
from payments.reconciliation.reports import DISCOVER, RECONCILE
from payments.reconciliation.sweep import Progress
from payments.store import Store
from tests.conftest import messages
from tests.flow.signer import Signer
from tests.payments.taking import kit as taking
from tests.payments.taking.kit import APP, ORDER, Run, Shop, only_charge
from workers import sweep
from workers.context import Context

DAY = 86_400


@pytest.fixture
def shop(client: redis.Redis, tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.chdir(tmp_path)  # no .env of a developer's
    monkeypatch.setattr(sweep, "_JUST_NOW_S", -5)  # all that these stories tell happens just now
    return lambda story: taking.run(story, client, tmp_path, signer)


def sweeping(shop: Shop, **more: Any) -> Context:
    given = {"sweep_every": {DISCOVER: 60, RECONCILE: 3600}, "apps": frozenset([APP]), **more}
    fields = {name: getattr(shop.context, name) for name in shop.context.__slots__}
    return Context(**{**fields, **given})


async def elsewhere(shop: Shop, order_no: str, *, paid: bool = True, **changes: Any) -> str:
    """A charge that the merchant's own code made."""
    made = await shop.desk.gateway.create_charge(
        {**taking.request(order_no=order_no, **changes), "app": {"id": APP}}
    )
    if paid:
        await shop.pays(made["id"])
    return str(made["id"])


async def run(shop: Shop, kind: str, **more: Any) -> Progress:
    """One sweep of the worker, and what it found."""
    context = sweeping(shop, **more)
    sweep.seed(context)
    member = f"{kind}:{APP}"
    found: list[Progress] = []
    whole = sweep._end

    def noted(*args: Any) -> None:
        found.append(args[2])
        whole(*args)

    shop.client.zadd(shop.desk.store.keys.due(SWEEPS), {member: 0})
    others: Any = shop.client.zrange(shop.desk.store.keys.due(SWEEPS), 0, -1)
    for other in others:
        if other.decode() != member:
            shop.client.zadd(shop.desk.store.keys.due(SWEEPS), {other: 2**53})
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(sweep, "_end", noted)
        await sweep._drain(context)
    assert len(found) == 1
    return found[0]


def watch_since(shop: Shop, ago_s: int) -> None:
    shop.client.set(shop.desk.store.keys.watch_from(APP), shop.client.time()[0] - ago_s)


def test_what_was_made_and_paid_elsewhere_is_found_and_published(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        watch_since(shop, 60)
        for n in range(3):
            await elsewhere(shop, f"elsewhere{n}")
        waits = await elsewhere(shop, "elsewhere9", paid=False)
        found = await run(shop, DISCOVER)
        assert (found.compared, found.missed, found.adopted, found.calls) == (4, 3, 1, 1)
        assert sorted(shop.told()) == [f"paid:elsewhere{n}" for n in range(3)]
        assert shop.due()["checks"] == [f":{waits}"]
        again = await run(shop, DISCOVER)
        assert (again.compared, again.equal) == (4, 4)
        assert len(shop.told()) == 3

    shop(story)


def test_a_broken_law_in_one_payment_stops_no_other(shop: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    fold = join.fold  # type: ignore[attr-defined]

    def forgetful(payment: Any, sighting: Any) -> Any:
        folded = fold(payment, sighting)
        if payment.order_no != "broken":
            return folded
        return dataclasses.replace(folded, payment=replace(folded.payment, sequence=7))

    monkeypatch.setattr(join, "fold", forgetful)

    async def story(shop: Shop) -> None:
        watch_since(shop, 60)
        broken, _ = await elsewhere(shop, "broken"), await elsewhere(shop, "whole")
        found = await run(shop, RECONCILE)
        assert (found.compared, found.missed, found.disputed) == (2, 1, 1)
        assert shop.client.zrange(shop.desk.store.keys.due(ASKS), 0, -1) == [f":{broken}".encode()]
        assert [one["id"] for one in messages(shop.client)] == ["paid:whole"]

    shop(story)


def test_what_was_paid_before_we_watched_enters_the_books_without_a_word(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, "long1ago1")
        watch_since(shop, -60)
        found = await run(shop, DISCOVER)
        assert (found.adopted, found.missed, shop.told()) == (1, 0, [])
        held = shop.client.get(shop.desk.store.keys.charge(charge))
        assert held == f"{APP}:long1ago1".encode()
        # what happens to it from now on is told
        shop.client.set(shop.desk.store.keys.watch_from(APP), 1)
        refund = await shop.desk.gateway.create_refund(charge, {"description": "by hand", "amount": 10})
        await shop.customer.post(f"/sandbox/refunds/{refund['id']}/succeed")
        assert (await run(shop, RECONCILE)).refunds == 1
        assert shop.told() == [f"refunded:{refund['id']}"]

    shop(story)


def test_a_webhook_of_old_money_publishes_after_all(shop: Run) -> None:
    """It was paid just before the first start, and its webhook is still being repeated."""

    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, "long1ago1")
        watch_since(shop, -60)
        await run(shop, DISCOVER)
        assert shop.told() == []
        there = await shop.desk.gateway.retrieve_charge(charge)
        for _ in range(2):
            await shop.desk.see(of_charge(there, "webhook", 1))
        assert shop.told() == ["paid:long1ago1"]

    shop(story)


def test_an_app_that_is_added_later_has_its_own_beginning(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        shop.client.set(shop.desk.store.keys.watch_from(), 1)  # the system has run for years
        await elsewhere(shop, "long1ago1")
        await asyncio.sleep(1.1)
        assert (await run(shop, DISCOVER)).adopted == 1
        assert shop.told() == []

    shop(story)


def test_a_webhook_that_was_lost_is_missed_and_made_good(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.pays(only_charge((await shop.create()).payment))
        assert shop.told() == []
        found = await run(shop, RECONCILE)
        assert (found.missed, found.matches) == (1, False)
        assert shop.told() == [f"paid:{ORDER}"]
        assert shop.due().get("checks") is None
        assert (await run(shop, RECONCILE)).matches

    shop(story)


def test_a_dry_run_only_tells(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        watch_since(shop, 60)
        await shop.pays(only_charge((await shop.create()).payment))
        await elsewhere(shop, "elsewhere1")
        now = shop.client.time()[0]
        wanted = Progress(RECONCILE, APP, now - DAY, now + 5, began_at=now, dry_run=True)
        reports.request(shop.desk.store, "r1", wanted)
        await sweep._drain(sweeping(shop))
        report = reports.get(shop.desk.store, "r1")
        assert report is not None
        assert (report.missed, report.matches, report.dry_run) == (2, False, True)
        assert len(report.examples) == 2
        assert shop.told() == []
        assert shop.client.zcard(shop.desk.store.keys.due(SWEEPS)) == 0
        assert not shop.client.exists(shop.desk.store.keys.sweep("run:r1"))

    shop(story)


def test_what_is_only_to_be_reported_is_not_taken_into_the_books(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, "elsewhere1")
        found = await run(shop, DISCOVER, adopt=False)
        assert (found.unknown, found.matches, found.examples) == (1, False, (charge,))
        assert shop.told() == []
        assert shop.client.zcard(shop.desk.store.keys.payments) == 0

    shop(story)


def test_what_the_books_have_and_ping_has_not_is_asked_and_becomes_a_dead_letter(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, "elsewhere1")
        await run(shop, DISCOVER)
        await shop.customer.post("/sandbox/reset")
        kept = await elsewhere(shop, "elsewhere2")
        found = await run(shop, RECONCILE)
        assert (found.disputed, found.missed) == (1, 1)
        assert charge in found.examples
        assert kept in found.examples
        await shop.look()
        dead = list(letters.newest(shop.desk.store, 10))
        assert [(one.reason, one.charge_id) for one in dead] == [("charge_not_found", charge)]

    shop(story)


def test_a_page_is_recorded_before_the_next_and_a_sweep_goes_on_where_it_was(shop: Run) -> None:
    async def story(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("payments.pingpp.gateway._PAGE", 10)
        watch_since(shop, 60)
        for n in range(25):
            await elsewhere(shop, f"elsewhere{n:03}")
        context = sweeping(shop, sweep_every={DISCOVER: 60, RECONCILE: 0})
        sweep.seed(context)
        member = f"{DISCOVER}:{APP}"
        monkeypatch.setattr(sweep, "FOR_S", 0.0)  # each drain has time for one page
        looks = []
        for _ in range(4):
            monkeypatch.setattr(sweep, "FOR_S", 0.01)
            shop.client.zadd(shop.desk.store.keys.due(SWEEPS), {member: 0}, xx=True)
            await asyncio.sleep(0)
            await _one_page(context, monkeypatch)
            progress = reports.progress_of(shop.desk.store, member)
            looks.append((progress.compared if progress else None, len(shop.told())))
        assert looks == [(10, 10), (20, 20), (25, 25), (None, 25)]
        assert marks.swept_until(shop.desk.store, DISCOVER, APP) is not None

    with pytest.MonkeyPatch.context() as patched:
        shop(lambda one: story(one, patched))


async def _one_page(context: Context, monkeypatch: pytest.MonkeyPatch) -> None:
    """A worker that is asked to end after its first step."""
    saved = reports.save

    def and_end(*args: Any) -> None:
        saved(*args)
        context.stopping.set()

    with monkeypatch.context() as patched:
        patched.setattr(reports, "save", and_end)
        context.stopping.clear()
        await sweep._drain(context)
    context.stopping.clear()


def test_the_mark_moves_only_when_the_last_page_was_recorded(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        watch_since(shop, 60)
        await elsewhere(shop, "elsewhere1")
        keys = shop.desk.store.keys
        await shop.next("error", method="GET", path="/v1/charges", times=5)
        context = sweeping(shop, sweep_every={DISCOVER: 60})
        sweep.seed(context)
        await sweep._drain(context)
        assert marks.swept_until(Store(shop.client, keys), DISCOVER, APP) is None
        await shop.customer.delete("/sandbox/next")
        shop.client.zadd(keys.due(SWEEPS), {f"{DISCOVER}:{APP}": 0}, xx=True)
        await sweep._drain(context)
        assert marks.swept_until(Store(shop.client, keys), DISCOVER, APP) is not None
        assert shop.told() == ["paid:elsewhere1"]

    shop(story)


def test_an_app_that_is_no_longer_ours_is_not_swept(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        sweep.seed(sweeping(shop))
        await sweep._drain(sweeping(shop, apps=frozenset()))
        assert shop.client.zcard(shop.desk.store.keys.due(SWEEPS)) == 0

    shop(story)


Second = Callable[[Shop], Coroutine[Any, Any, None]]


def test_seconds_at_the_border_of_pages_are_compared_whole(client: redis.Redis) -> None:
    """Charges of one second lie on two pages, and the books have one more of that second: it alone is missing."""

    def charge(number: int, created: int) -> dict[str, Any]:
        return {
            "id": f"ch_{number:03}", "object": "charge", "created": created, "livemode": False, "paid": True,
            "app": APP, "channel": "alipay_qr", "order_no": f"o{number}", "amount": 1, "currency": "cny",
            "time_paid": created, "metadata": {}, "refunds": None,
        }  # fmt: skip

    listed = [charge(9, 109), *(charge(n, 105) for n in (8, 7, 6, 5)), charge(4, 104), charge(3, 100)]

    def answer(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("starting_after")
        begin = next((i + 1 for i, one in enumerate(listed) if one["id"] == after), 0)
        if "refunded" in request.url.params:
            return httpx.Response(200, json={"object": "list", "data": [], "has_more": False})
        page = listed[begin : begin + 3]
        return httpx.Response(200, json={"object": "list", "data": page, "has_more": begin + 3 < len(listed)})

    keys = Keys()
    client.zadd(
        keys.charges(APP), {"ch_gone": 105, "ch_edge": 100, "ch_new": 120, "ch_out": 99, "ch_008": 105}
    )
    context = Context(
        store=Store(client, keys), livemode=False, apps=frozenset([APP]), order_key="order_no", keep_bodies_s=60,
        gateway=lambda: Gateway("http://pingpp", "sk_test_x", transport=httpx.MockTransport(answer)),
    )  # fmt: skip
    reports.request(Store(client, keys), "r1", Progress(RECONCILE, APP, 100, 119, began_at=1))
    asyncio.run(sweep._drain(context))
    report = reports.get(Store(client, keys), "r1")
    assert report is not None
    asked: Any = client.zrange(keys.due("asks"), 0, -1)
    assert sorted(asked) == [b":ch_edge", b":ch_gone"]
    assert (report.disputed, report.calls) == (2, 4)
    assert client.zcard(keys.due(CHECKS)) == 0
