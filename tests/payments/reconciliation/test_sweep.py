"""One sweep of what is listed: what differs is folded or asked, and counted by what it was. (How workers come to it, and
what of all that Ping++ can list ends how: tests/workers/test_sweep.py.)
"""

import dataclasses
from typing import Any

import httpx
import pytest
from msgspec.structs import replace

from payments.keys import ASKS
from payments.pingpp.gateway import Gateway
from payments.reconciliation.sweep import Progress, Rules, sweep
from payments.store import Store
from payments.taking.desk import Desk
from tests.conftest import charge_object, messages, refund_object, refunds_of, unpaid

pytestmark = pytest.mark.anyio
APP = "app_1Gqj58ynP0mHeX1q"
BEGAN = Progress("discover", APP, 1_699_999_000, 1_700_001_000, began_at=1_700_001_000)
RULES = Rules(watch_from=1_700_000_000)


def open_(number: int, **changes: Any) -> dict[str, Any]:
    """One that does not expire while the test runs."""
    return unpaid(number, time_expire=9_999_999_999, **changes)


async def swept(
    store: Store, *listed: dict[str, Any], began: Progress = BEGAN, rules: Rules = RULES
) -> tuple[Progress, list[Progress]]:
    """The end of a sweep over what is listed, a page for each two, and the steps that were kept."""
    asked: list[httpx.QueryParams] = []

    def answer(request: httpx.Request) -> httpx.Response:
        asked.append(query := request.url.params)
        ids = [one["id"] for one in listed]
        first = ids.index(query["starting_after"]) + 1 if "starting_after" in query else 0
        page = [] if query.get("refunded") else listed[first : first + 2]
        more = bool(page) and first + 2 < len(listed)
        return httpx.Response(200, json={"object": "list", "data": page, "has_more": more})

    kept: list[Progress] = []

    async def save(step: Progress) -> None:
        kept.append(step)

    async with Gateway("https://pingpp.test", "sk_live_x", transport=httpx.MockTransport(answer)) as gateway:
        ended = await sweep(Desk(store, gateway, livemode=True), began, rules, save)
    assert all(one["app[id]"] == APP for one in asked)
    return ended, kept


def counted(progress: Progress) -> dict[str, int]:
    names = ("equal", "missed", "adopted", "refunds", "updated", "disputed", "unknown")
    return {name: n for name in names if (n := getattr(progress, name))}


def asks(store: Store) -> Any:
    return store.client.zrange(store.keys.due(ASKS), 0, -1)


async def test_each_difference_is_counted_as_what_it_was(store: Store) -> None:
    later = {"amount_refunded": 40, "refunded": True, "refunds": refunds_of(refund_object())}
    first, _ = await swept(store, charge_object(1), open_(2), charge_object(3, time_paid=1_699_999_999))
    assert (first.compared, counted(first)) == (3, {"missed": 1, "adopted": 2})
    assert [one["id"] for one in messages(store.client)] == ["paid:order00000001"]
    again, _ = await swept(store, charge_object(1), open_(2), charge_object(3, time_paid=1_699_999_999))
    assert (counted(again), again.matches) == ({"equal": 3}, True)
    changed, _ = await swept(
        store,
        charge_object(1, **later),
        open_(2, reversed=True),
        charge_object(3, amount=1, time_paid=1_699_999_999),
    )
    assert (counted(changed), changed.matches) == ({"refunds": 1, "updated": 1, "disputed": 1}, False)
    assert asks(store) == [f":{charge_object(3)['id']}".encode()]
    assert {charge_object(1)["id"], charge_object(3)["id"]} <= {*changed.examples}


async def test_it_goes_on_after_the_last_page_that_was_kept(store: Store) -> None:
    listed = [open_(n, created=1_700_000_000 - n) for n in range(1, 6)]
    whole, kept = await swept(store, *listed)
    assert [one.compared for one in kept] == [2, 4, 5]
    assert [one.cursor for one in kept] == [listed[n]["id"] for n in (1, 3, 4)]
    rest, _ = await swept(store, *listed, began=kept[1])
    assert (rest.compared, counted(rest)) == (5, {"adopted": 4, "equal": 1})
    assert whole.compared == 5


async def test_a_dry_run_counts_and_changes_nothing(store: Store) -> None:
    found, _ = await swept(store, charge_object(1), began=replace(BEGAN, dry_run=True))
    assert counted(found) == {"missed": 1}
    assert store.client.keys() == []


async def test_what_is_not_to_be_adopted_is_only_reported(store: Store) -> None:
    found, _ = await swept(store, charge_object(1), rules=dataclasses.replace(RULES, adopt=False))
    assert counted(found) == {"unknown": 1}
    assert store.client.keys() == []


async def test_what_the_books_have_and_the_list_has_not_is_asked(store: Store) -> None:
    await swept(store, open_(1), open_(2))
    found, _ = await swept(store, open_(2))
    assert (found.compared, counted(found)) == (2, {"equal": 1, "disputed": 1})
    assert asks(store) == [f":{open_(1)['id']}".encode()]


async def test_an_object_that_is_no_charge_is_asked(store: Store) -> None:
    found, _ = await swept(store, charge_object(1, amount=0))
    assert counted(found) == {"disputed": 1}
    assert asks(store) == [f":{charge_object(1)['id']}".encode()]


async def test_a_reconciliation_also_looks_at_older_charges_with_refunds(store: Store) -> None:
    found, kept = await swept(store, charge_object(1), began=replace(BEGAN, kind="reconcile"))
    assert found.phase == "refunded"
    assert [one.phase for one in kept] == ["charges", "refunded"]
    assert (found.compared, counted(found)) == (1, {"missed": 1})
