"""What is shown of a sweep's report in the CLI and the API."""

from typing import Any

from payments.reconciliation.sweep import Progress
from payments.times import rfc3339


def report_json(id_: str, one: Progress) -> dict[str, Any]:
    """A report as JSON. Times are RFC 3339 in UTC; `ended_at` null: the sweep is still under way."""
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
    """How many charges the sweep made right in the books."""
    return one.missed + one.refunds + one.updated
