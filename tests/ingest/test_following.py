"""Those who wait for a payment hear that it was written, by one look for all of them."""

import asyncio
from collections.abc import AsyncIterator

import pytest
import redis
import redis.asyncio
from structlog.testing import capture_logs

from ingest import following
from ingest.following import Following
from payments.keys import Keys
from processes.redis_server import Server
from tests.patience import PATIENCE_S, until_async

pytestmark = pytest.mark.anyio
NAME, OLD, NEW = "app_1:order1", b"0" * 16, b"1" * 16


@pytest.fixture(autouse=True)
def _often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(following, "EVERY_S", 0.005)


@pytest.fixture
async def followed(server: Server, client: redis.Redis) -> AsyncIterator[Following]:
    client.set(Keys().payment(NAME), OLD + b"{}")
    async with redis.asyncio.Redis.from_url(server.url) as connected:
        made = Following(connected, Keys())
        yield made
        await made.close()


async def test_a_change_is_heard_of_by_all_who_wait_for_it(followed: Following, client: redis.Redis) -> None:
    waiting = [asyncio.create_task(followed.changed(NAME, OLD, PATIENCE_S)) for _ in range(3)]
    other = asyncio.create_task(followed.changed("app_1:other", b"", PATIENCE_S))
    await asyncio.sleep(0)
    client.set(Keys().payment(NAME), NEW + b"{}")
    assert await asyncio.gather(*waiting) == [True] * 3
    assert not other.done()
    other.cancel()


async def test_what_changed_before_is_heard_of_at_once(followed: Following) -> None:
    assert await followed.changed(NAME, NEW, PATIENCE_S)
    assert await followed.changed("app_1:gone", OLD, PATIENCE_S), "as is what is not there any more"


async def test_nobody_waits_longer_than_they_want_and_then_nothing_is_looked_at(followed: Following) -> None:
    assert not await followed.changed(NAME, OLD, 0.02)
    assert not await followed.changed(NAME, OLD, -1)
    await until_async(lambda: followed._task is None)


async def test_at_the_end_of_the_process_nobody_is_held(followed: Following) -> None:
    waiting = asyncio.create_task(followed.changed(NAME, OLD, PATIENCE_S))
    await asyncio.sleep(0)
    followed.leave()
    assert not await waiting
    assert not await followed.changed(NAME, NEW, PATIENCE_S)


async def test_while_redis_is_unreachable_they_go_on_waiting_and_it_is_said_once(client: redis.Redis) -> None:
    assert client.ping()
    async with redis.asyncio.Redis.from_url("redis://127.0.0.1:1") as nobody:
        followed = Following(nobody, Keys())
        with capture_logs() as lines:
            assert not await followed.changed(NAME, OLD, 0.1)
        await followed.close()
    assert [line["event"] for line in lines] == ["changes cannot be read"]
