"""The metrics: numbers that stand in Redis, for Prometheus. Nothing is counted here."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from payments import clock, due
from payments.dead_letters import letters
from payments.keys import DUE_SETS
from payments.reconciliation import reports
from payments.reconciliation.reports import RECONCILE
from payments.store import Store

if TYPE_CHECKING:  # imported where it is used: not in a receiver's start
    from prometheus_client import Metric

_FOUND = ("missed", "refunds", "disputed", "unknown")


def families(store: Store) -> "Iterator[Metric]":
    """Each metric with its values. Raises RedisError."""
    from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415

    now_ms = clock.now_ms(store.client)
    waiting = GaugeMetricFamily(
        "pingpp_ingest_waiting", "Members of a due set, due or not", labels=["due_set"]
    )
    overdue = GaugeMetricFamily(
        "pingpp_ingest_overdue_seconds", "For how long the oldest has been due", labels=["due_set"]
    )
    for due_set in DUE_SETS:
        waiting.add_metric([due_set], due.waiting(store, due_set))
        oldest: Any = store.client.zrange(store.keys.due(due_set), 0, 0, withscores=True)
        overdue.add_metric([due_set], max(0.0, (now_ms - oldest[0][1]) / 1000) if oldest else 0.0)
    yield from (waiting, overdue)
    dead = letters.count(store)
    yield GaugeMetricFamily("pingpp_ingest_dead_letters", "What waits for a person", value=dead)
    payments = int(store.client.zcard(store.keys.payments))
    yield GaugeMetricFamily("pingpp_ingest_payments", "Payments in the books", value=payments)
    entries = int(store.client.xlen(store.keys.fulfilment))
    yield GaugeMetricFamily("pingpp_ingest_fulfilment_entries", "Messages on the stream", value=entries)
    yield from _books(store)


def _books(store: Store) -> "Iterator[Metric]":
    """What the latest reconciliation of each app found; an app that was never compared has no such metric."""
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
    for _, report in reports.newest(store, 100):
        if report.kind != RECONCILE or report.dry_run or report.app in seen:
            continue
        seen.add(report.app)
        matches.add_metric([report.app], int(report.matches))
        compared.add_metric([report.app], report.until)
        for kind in _FOUND:
            found.add_metric([report.app, kind], getattr(report, kind))
    yield from (matches, compared, found)
