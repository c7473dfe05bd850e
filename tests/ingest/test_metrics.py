"""`/metrics` says what stands in Redis."""

import asyncio

import httpx
import redis
from starlette.applications import Starlette
from starlette.routing import Route

from ingest.metrics import Metrics
from payments.keys import ASKS, Keys
from payments.reconciliation import reports
from payments.reconciliation.sweep import Progress
from payments.store import Store

KEYS = Keys()


def scraped(client: redis.Redis) -> tuple[int, list[str]]:
    async def get() -> httpx.Response:
        app = Starlette(routes=[Route("/metrics", Metrics(Store(client, KEYS)).metrics)])
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://us") as http:
            return await http.get("/metrics")

    answer = asyncio.run(get())
    return answer.status_code, answer.text.splitlines()


def finish(client: redis.Redis, report_id: str, **found: int | bool) -> None:
    progress = Progress("reconcile", "app_1", 100, 200, began_at=1, ended_at=2, **found)  # type: ignore[arg-type]
    reports.finish(Store(client, KEYS), "reconcile:app_1", progress, report_id=report_id, again_ms=1000)


def test_it_says_what_waits_and_whether_the_books_match(client: redis.Redis) -> None:
    client.zadd(KEYS.due(ASKS), {":ch_1": 0, ":ch_2": 2**52})
    client.zadd(KEYS.dead_letters, {"dl_1": 1})
    finish(client, "r1", missed=2)
    status, lines = scraped(client)
    assert status == 200
    assert 'pingpp_ingest_waiting{due_set="asks"} 2.0' in lines
    assert 'pingpp_ingest_overdue_seconds{due_set="events"} 0.0' in lines
    (overdue,) = (one for one in lines if one.startswith('pingpp_ingest_overdue_seconds{due_set="asks"}'))
    assert float(overdue.split()[1]) > 1e9
    assert "pingpp_ingest_dead_letters 1.0" in lines
    assert 'pingpp_ingest_books_match{app="app_1"} 0.0' in lines
    assert 'pingpp_ingest_books_differences{app="app_1",kind="missed"} 2.0' in lines
    assert 'pingpp_ingest_books_compared_until_seconds{app="app_1"} 200.0' in lines


def test_the_latest_reconciliation_counts_and_no_dry_run(client: redis.Redis) -> None:
    finish(client, "r1", missed=2)
    finish(client, "r2")
    finish(client, "r3", missed=9, dry_run=True)
    _, lines = scraped(client)
    assert 'pingpp_ingest_books_match{app="app_1"} 1.0' in lines


def test_a_redis_that_is_away_is_said() -> None:
    with redis.Redis(port=1) as nobody:
        status, _ = scraped(nobody)
    assert status == 503
