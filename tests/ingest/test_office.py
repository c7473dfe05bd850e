"""What the merchant API and the checkout find by a payment's name and by its token."""

from collections.abc import AsyncIterator

import pytest
import redis
import redis.asyncio

from ingest.following import Following
from ingest.office import Office
from payments.books.document import NewerSchema, encode
from payments.books.payment import Attempt, Payment
from payments.keys import CHECKS_NOW, Keys
from payments.store import Store
from processes.redis_server import Server

pytestmark = pytest.mark.anyio
PAYMENT = Payment(1, "app_1", "order1", attempts=(Attempt("at_1", "order1", "alipay_qr", "d", 1, 2),))
NAME, TOKEN = PAYMENT.name, b"0" * 16


@pytest.fixture
async def office(server: Server, client: redis.Redis) -> AsyncIterator[Office]:
    store = Store(client, Keys())
    client.set(store.keys.payment(NAME), TOKEN + encode(PAYMENT))
    async with redis.asyncio.Redis.from_url(server.url) as connected:
        yield Office(store, connected, Following(connected, store.keys), "http://shop.example")


async def test_a_payment_is_found_by_its_name_with_its_token(office: Office) -> None:
    held = await office.find(NAME)
    assert held is not None
    assert (held.payment, held.token) == (PAYMENT, TOKEN)
    assert await office.find("app_1:other") is None


async def test_and_by_the_token_of_its_checkout(office: Office) -> None:
    office.store.client.set("checkout:t0k3n", NAME)
    held = await office.find_by_token("t0k3n")
    assert held is not None
    assert held.payment == PAYMENT
    assert await office.find_by_token("other") is None


async def test_one_of_a_later_release_is_not_read(office: Office) -> None:
    office.store.client.set("payment:app_1:new", TOKEN + b'{"schema":99,"app":"app_1","order_no":"new"}')
    with pytest.raises(NewerSchema):
        await office.find("app_1:new")


async def test_what_is_not_settled_is_looked_at_now_at_most_once_in_a_while(office: Office) -> None:
    held = await office.find(NAME)
    assert held is not None
    assert await office.hasten(held)
    assert office.store.client.zrange(office.store.keys.due(CHECKS_NOW), 0, -1) == [b"+at_1:app_1:order1"]
    assert not await office.hasten(held)
