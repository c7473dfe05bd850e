"""Story: payments are listed newest first, in pages that stay right while new ones come in."""

import base64
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis

from payments.books.document import SCHEMA, encode
from payments.books.payment import Payment
from processes.redis_server import Server
from tests.ingest.api.kit import APP, Shop, asked, errors, in_shop


def book(client: redis.Redis, order_no: str, ms: int, app: str = APP) -> None:
    """A payment in the books, as a webhook would have brought it."""
    payment = Payment(SCHEMA, app, order_no, created_ms=ms)
    client.set(f"payment:{payment.name}", b"0" * 16 + encode(payment))
    client.zadd("payments", {payment.name: ms})


async def pages(shop: Shop, query: str) -> list[list[str]]:
    """The order numbers of all pages."""
    found, cursor = [], ""
    while True:
        page = await shop.get(f"/payments?{query}{cursor and f'&cursor={cursor}'}")
        found.append([one["order_no"] for one in page["payments"]])
        cursor = page["next_cursor"]
        if cursor is None:
            return found


def test_pages_come_newest_first_to_the_end(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    for number in range(1, 46):
        book(client, f"{number:02}", 1_700_000_000_000 + number // 3)  # three in each millisecond
    expected = [f"{number:02}" for number in range(45, 0, -1)]
    expected.sort(key=lambda one: (int(one) // 3, one), reverse=True)

    async def calls(shop: Shop) -> None:
        first = await shop.get("/payments")
        assert [one["order_no"] for one in first["payments"]] == expected[:20]
        for limit in (1, 7, 15, 45, 100):
            found = await pages(shop, f"limit={limit}")
            assert [one for page in found for one in page] == expected
            assert all(len(page) == limit for page in found[:-1])
        with patch("payments.books.listing._CHUNK", 2):  # less than come in one millisecond
            assert [one for page in await pages(shop, "limit=4") for one in page] == expected

    in_shop(server, tmp_path, calls)


def test_a_cursor_stays_right_while_new_ones_come_in_and_old_ones_go(
    server: Server, tmp_path: Path, client: redis.Redis
) -> None:
    for number in range(10):
        book(client, str(number), 1_700_000_000_000 + number)

    async def calls(shop: Shop) -> None:
        first = await shop.get("/payments?limit=3")
        book(client, "new", 1_800_000_000_000)
        client.zrem("payments", f"{APP}:7")
        client.delete(f"payment:{APP}:5")  # archived just now
        second = await shop.get(f"/payments?limit=3&cursor={first['next_cursor']}")
        assert [one["order_no"] for one in second["payments"]] == ["6", "4"]

    in_shop(server, tmp_path, calls)


def test_only_our_apps_are_listed_and_one_of_them_where_it_is_asked_for(
    server: Server, tmp_path: Path, client: redis.Redis
) -> None:
    for number in range(300):
        book(client, str(number), 1_700_000_000_000 + number, app="app_of_others" if number % 100 else APP)
    book(client, "x", 1_700_000_000_000, app="app_2")

    async def calls(shop: Shop) -> None:
        assert await pages(shop, "limit=4") == [["200", "100", "x", "0"]]
        assert await pages(shop, "limit=1&app=app_2") == [["x"]]
        with patch("payments.books.listing.MOST_LOOKED_AT", 200):
            found = await pages(shop, "limit=2")
            assert [one for page in found for one in page] == ["200", "100", "x", "0"]
        assert errors(await shop.get("/payments?app=app_of_others", 422)) == [("app", f"one of {APP}, app_2")]

    async def anybody(shop: Shop) -> None:
        assert len((await pages(shop, "limit=100"))[0]) == 100
        assert await pages(shop, "limit=9&app=app_2") == [["x"]]

    in_shop(server, tmp_path, calls, pingpp_app_ids=f"{APP},app_2")
    in_shop(server, tmp_path, anybody, pingpp_app_ids="")


def test_an_order_number_that_fits_no_path_is_found_by_a_query(
    server: Server, tmp_path: Path, client: redis.Redis
) -> None:
    odd = ("a/b", "..", "é %2F?", "a:b")
    for number, order_no in enumerate(odd):
        book(client, order_no, 1_700_000_000_000 + number)
    book(client, "a/b", 1, app="app_2")

    async def calls(shop: Shop) -> None:
        for order_no in odd:
            found = await shop.get("/payments", params={"order_no": order_no, "app": APP})
            assert ([one["order_no"] for one in found["payments"]], found["next_cursor"]) == (
                [order_no],
                None,
            )
        both = await shop.get("/payments", params={"order_no": "a/b"})
        assert {one["app"] for one in both["payments"]} == {APP, "app_2"}
        assert (await shop.get("/payments", params={"order_no": "none"}))["payments"] == []
        for path in ("a%2Fb", "%C3%A9%20%252F%3F", "a:b"):  # percent-encoded they fit
            await shop.get(f"/payments/{path}?app={APP}")
        problem = await shop.post(f"/payments/a%2Fb/close?app={APP}", status=409)
        assert problem["code"] == "not_reversible"

    in_shop(server, tmp_path, calls, pingpp_app_ids=f"{APP},app_2")


@pytest.mark.parametrize(
    ("query", "field"),
    [
        *((f"limit={value}", "limit") for value in ("0", "101", "-1", "1.5", "x", "")),
        *((f"cursor={value}", "cursor") for value in ("", "x", "!!", "bm9uZQ", "é", "x" * 2000)),
        ("cursor=" + base64.urlsafe_b64encode(b"-1:x").decode(), "cursor"),
        ("order_no=", "order_no"),
        ("page=2", "page"),
    ],
)
def test_a_query_has_rules(server: Server, tmp_path: Path, query: str, field: str) -> None:
    async def calls(shop: Shop) -> Any:
        return await shop.get(f"/payments?{query}", 422)

    assert [name for name, _ in errors(in_shop(server, tmp_path, calls))] == [field]


def test_payments_that_were_created_here_are_listed(
    server: Server, tmp_path: Path, client: redis.Redis
) -> None:
    client.ping()

    async def calls(shop: Shop) -> None:
        made = [await shop.create(asked(number)) for number in range(1, 4)]
        listed = await shop.get("/payments")
        assert sorted(listed["payments"], key=lambda one: one["order_no"]) == made

    in_shop(server, tmp_path, calls)
