"""`GET /metrics`: what stands in Redis, for Prometheus. Every receiver answers the same; nothing is counted here."""

import asyncio
from collections.abc import Iterator
from typing import Any

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from payments import clock, due
from payments.dead_letters import letters
from payments.keys import DUE_SETS
from payments.reconciliation import reports
from payments.reconciliation.reports import RECONCILE
from payments.store import Store

_FOUND = ("missed", "refunds", "disputed", "unknown")


class Metrics:
    """Looks at Redis when it is asked; a Redis that is away is 503, which Prometheus shows as `up` 0."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def metrics(self, _: Request) -> Response:
        """The answer, in Prometheus's text format."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415  not in the start

        try:
            families = await asyncio.to_thread(lambda: list(self._families()))
        except (RedisError, OSError) as error:
            return PlainTextResponse(f"Redis is away: {type(error).__name__}\n", 503)
        collected: Any = _Collected(families)
        return Response(generate_latest(collected), media_type=CONTENT_TYPE_LATEST)

    def _families(self) -> Iterator[Any]:
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        now_ms = clock.now_ms(self._store.client)
        waiting = GaugeMetricFamily(
            "pingpp_ingest_waiting", "Members of a due set, due or not", labels=["due_set"]
        )
        overdue = GaugeMetricFamily(
            "pingpp_ingest_overdue_seconds", "For how long the oldest has been due", labels=["due_set"]
        )
        for what in DUE_SETS:
            waiting.add_metric([what], due.waiting(self._store, what))
            oldest: Any = self._store.client.zrange(self._store.keys.due(what), 0, 0, withscores=True)
            overdue.add_metric([what], max(0.0, (now_ms - oldest[0][1]) / 1000) if oldest else 0.0)
        yield from (waiting, overdue)
        dead = letters.count(self._store)
        yield GaugeMetricFamily("pingpp_ingest_dead_letters", "What waits for a person", value=dead)
        payments = int(self._store.client.zcard(self._store.keys.payments))
        yield GaugeMetricFamily("pingpp_ingest_payments", "Payments in the books", value=payments)
        entries = int(self._store.client.xlen(self._store.keys.fulfilment))
        yield GaugeMetricFamily("pingpp_ingest_fulfilment_entries", "Messages on the stream", value=entries)
        yield from self._books()

    def _books(self) -> Iterator[Any]:
        """What the latest reconciliation of each app found; an app that was never compared has none."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

        matches = GaugeMetricFamily(
            "pingpp_ingest_books_match", "1: the latest reconciliation found no difference", labels=["app"]
        )
        compared = GaugeMetricFamily(
            "pingpp_ingest_books_compared_until_seconds", "Up to when, in Unix time", labels=["app"]
        )
        found = GaugeMetricFamily(
            "pingpp_ingest_books_differences",
            "What it found, before it was made good",
            labels=["app", "kind"],
        )
        seen: set[str] = set()
        for _, report in reports.newest(self._store, 100):
            if report.kind != RECONCILE or report.dry_run or report.app in seen:
                continue
            seen.add(report.app)
            matches.add_metric([report.app], int(report.matches))
            compared.add_metric([report.app], report.until)
            for kind in _FOUND:
                found.add_metric([report.app, kind], getattr(report, kind))
        yield from (matches, compared, found)


class _Collected:
    """What `generate_latest` asks a registry for."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> Iterator[Any]:
        """The families."""
        yield from self._families
