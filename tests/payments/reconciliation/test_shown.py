"""A sweep's report as others see it."""

from msgspec.structs import replace

from payments.reconciliation.shown import mended, report_json
from payments.reconciliation.sweep import Progress

ONE = Progress(
    "reconcile", "app_1", 1_700_000_000, 1_700_003_600, began_at=1_700_003_600, ended_at=1_700_003_725, compared=9,
    equal=1, missed=2, refunds=1, updated=1, adopted=2, disputed=1, unknown=1, calls=4, examples=("ch_1",),
)  # fmt: skip


def test_it_has_these_members() -> None:
    assert report_json("r1", ONE) == {
        "id": "r1",
        "kind": "reconcile",
        "app": "app_1",
        "dry_run": False,
        "matches": False,
        "since_at": "2023-11-14T22:13:20Z",
        "until_at": "2023-11-14T23:13:20Z",
        "began_at": "2023-11-14T23:13:20Z",
        "ended_at": "2023-11-14T23:15:25Z",
        "seconds": 125,
        "compared": 9,
        "equal": 1,
        "repaired": 4,
        "missed": 2,
        "refunds": 1,
        "updated": 1,
        "adopted": 2,
        "disputed": 1,
        "unknown": 1,
        "calls": 4,
        "examples": ["ch_1"],
    }


def test_a_dry_run_repairs_nothing_and_one_under_way_has_no_end() -> None:
    dry = replace(ONE, dry_run=True)
    assert (report_json("r1", dry)["repaired"], mended(dry)) == (0, 4)
    under_way = report_json("r1", replace(ONE, ended_at=None))
    assert (under_way["ended_at"], under_way["seconds"]) == (None, None)
