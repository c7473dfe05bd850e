"""A sweep's report as others see it."""

from typing import Any

from payments.reconciliation.sweep import Progress
from payments.times import rfc3339


def report_json(id_: str, one: Progress) -> dict[str, Any]:
    """A report for programs. `ended_at` null: it is still under way."""
    return {
        "id": id_,
        "kind": one.kind,
        "app": one.app,
        "dry_run": one.dry_run,
        "matches": one.matches,
        "since_at": rfc3339(one.since),
        "until_at": rfc3339(one.until),
        "began_at": rfc3339(one.began_at),
        "ended_at": rfc3339(one.ended_at),
        "seconds": None if one.ended_at is None else one.ended_at - one.began_at,
        "compared": one.compared,
        "equal": one.equal,
        "repaired": 0 if one.dry_run else mended(one),
        "missed": one.missed,
        "refunds": one.refunds,
        "updated": one.updated,
        "adopted": one.adopted,
        "disputed": one.disputed,
        "unknown": one.unknown,
        "calls": one.calls,
        "examples": list(one.examples),
    }


def mended(one: Progress) -> int:
    return one.missed + one.refunds + one.updated
