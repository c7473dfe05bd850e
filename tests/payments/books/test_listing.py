"""Pages of payments, newest first: a cursor says where one ended, whatever comes and goes meanwhile."""

import pytest
import redis.asyncio

from payments.books import listing
from payments.books.document import encode
from payments.books.listing import Place, page, read_cursor
from payments.books.payment import Payment
from payments.store import Store
from processes.redis_server import Server

pytestmark = pytest.mark.anyio


def put(store: Store, *names: str, at_ms: int = 1_700_000_000_000) -> None:
    for name in names:
        app, _, order_no = name.partition(":")
        store.client.set(store.keys.payment(name), b"0" * 16 + encode(Payment(1, app, order_no)))
        store.client.zadd(store.keys.payments, {name: at_ms})


async def pages(
    store: Store, server: Server, limit: int, *apps: str, before: Place | None = None
) -> list[list[str]]:
    """The names on each page, to the end."""
    found = []
    async with redis.asyncio.Redis.from_url(server.url) as client:
        while True:
            payments, cursor = await page(client, store.keys, apps, limit, before)
            found.append([one.name for one in payments])
            if cursor is None:
                return found
            before = read_cursor(cursor)


def test_a_cursor_is_what_it_stands_for() -> None:
    place = Place(1_700_000_000_000, "app_1:订单:1\n".encode())
    assert read_cursor(place.cursor) == place
    assert place.cursor.replace("-", "").replace("_", "").isalnum()


@pytest.mark.parametrize("cursor", ["", "x", "*", "MTIz", "OmFwcA", "LTE6YQ", "YTpi", "订单"])
def test_what_no_listing_gave_out_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="not a cursor"):
        read_cursor(cursor)


async def test_pages_go_from_the_newest_to_the_oldest(store: Store, server: Server) -> None:
    for n in range(5):
        put(store, f"app_1:o{n}", at_ms=1000 + n)
    assert await pages(store, server, 2) == [
        ["app_1:o4", "app_1:o3"],
        ["app_1:o2", "app_1:o1"],
        ["app_1:o0"],
    ]
    assert await pages(store, server, 5) == [[f"app_1:o{n}" for n in (4, 3, 2, 1, 0)]]
    store.client.flushall()
    assert await pages(store, server, 2) == [[]]


async def test_payments_of_one_millisecond_are_told_once_each(store: Store, server: Server) -> None:
    names = [f"app_1:o{n:03}" for n in range(450)]  # more than are looked at in one go
    put(store, *names)
    found = [name for one in await pages(store, server, 100) for name in one]
    assert found == sorted(names, reverse=True)


async def test_only_payments_of_the_apps_are_told(store: Store, server: Server) -> None:
    put(store, "app_1:a", "app_2:b", "app_10:c", "app_1:d")
    assert await pages(store, server, 10, "app_1") == [["app_1:d", "app_1:a"]]
    assert await pages(store, server, 10, "app_2", "app_10") == [["app_2:b", "app_10:c"]]


async def test_a_page_ends_early_rather_than_pass_over_all_of_another_app(
    store: Store, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MOST_LOOKED_AT", 200)
    store.client.zadd(store.keys.payments, {f"app_2:o{n:03}": 1000 + n for n in range(300)})
    put(store, "app_1:old", at_ms=1)
    assert await pages(store, server, 10, "app_1") == [[], ["app_1:old"]]


async def test_one_that_has_gone_meanwhile_is_left_out(store: Store, server: Server) -> None:
    put(store, "app_1:a", "app_1:b")
    store.client.delete(store.keys.payment("app_1:a"))
    assert await pages(store, server, 10) == [["app_1:b"]]
