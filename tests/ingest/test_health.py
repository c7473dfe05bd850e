"""Whether the receiver runs, and whether it can store durably."""

import json

import pytest
import redis
import redis.asyncio
from starlette.requests import Request

from ingest import health
from ingest.health import Readiness, check_at_start, livez, refusals
from processes.finding import Finding
from processes.redis_server import Server

pytestmark = pytest.mark.anyio
ASKED = Request({"type": "http", "method": "GET", "headers": []})


async def test_it_lives_as_long_as_it_answers() -> None:
    answer = await livez(ASKED)
    assert (answer.status_code, answer.body) == (200, b"alive\n")


async def test_it_is_ready_where_redis_keeps_what_it_acknowledges(server: Server) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        answer = await Readiness(client, "").readyz(ASKED)
    assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
    assert json.loads(bytes(answer.body)) == {"ready": True, "findings": []}


async def test_it_is_not_while_redis_cannot_be_reached_and_says_why() -> None:
    async with redis.asyncio.Redis.from_url("redis://127.0.0.1:1") as client:
        answer = await Readiness(client, "").readyz(ASKED)
    said = json.loads(bytes(answer.body))
    assert (answer.status_code, said["ready"]) == (503, False)
    (finding,) = said["findings"]
    assert finding.keys() == {"level", "code", "message"}


async def test_who_asks_more_often_gets_the_last_answer(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        ready = Readiness(client, "")
        await ready.readyz(ASKED)
        ready._client = redis.asyncio.Redis.from_url("redis://127.0.0.1:1")
        assert (await ready.readyz(ASKED)).status_code == 200
        monkeypatch.setattr(health, "LOOK_EVERY", 0.0)
        assert (await ready.readyz(ASKED)).status_code == 503


def test_only_what_would_be_lost_is_refused() -> None:
    found = [Finding("refuse", "a", ""), Finding("warn", "b", ""), Finding("unknown", "c", "")]
    assert [one.code for one in refusals(found)] == ["a"]


def test_at_the_start_the_same_is_asked(client: redis.Redis) -> None:
    assert check_at_start(client, "") == []
    with redis.Redis.from_url("redis://127.0.0.1:1") as nobody:
        (finding,) = refusals(check_at_start(nobody, ""))
    assert finding.message
