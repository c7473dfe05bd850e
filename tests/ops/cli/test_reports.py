"""`reports` lists what sweeps found, and says what each count means."""

from msgspec.structs import replace

from payments.reconciliation import reports
from payments.reconciliation.sweep import Progress
from payments.store import Store
from tests.ops.cli.conftest import System, last_command

APP = "app_1Gqj58ynP0mHeX1q"
REPORT = Progress("reconcile", APP, 1_700_000_000, 1_700_086_400, began_at=1_700_086_400)


def keep(system: System, id_: str, report: Progress) -> None:
    reports.request(Store(system.client, system.keys), id_, report)
    reports.finish(Store(system.client, system.keys), f"run:{id_}", report, report_id=id_, again_ms=0)


def test_reports_are_listed_newest_first(system: System) -> None:
    empty = system.run("reports list")
    assert (empty.status, empty.out, last_command(empty)) == (0, "", "reconcile")
    assert system.run("reports list --json").json == []
    for n in range(3):
        keep(system, f"r{n}", replace(REPORT, compared=n, ended_at=REPORT.until + 3700, dry_run=n == 1))
    listed = system.run("reports list --json").json
    assert [one["id"] for one in listed] == ["r2", "r1", "r0"]
    assert [one["id"] for one in system.run("reports list --json --limit 1").json] == ["r2"]
    table = system.run("reports list")
    assert "reconcile, dry run" in table.out
    assert "2023-11-14T22:13:20Z" in table.out
    assert last_command(table) == "reports show r2"


def test_a_report_says_what_each_count_means(system: System) -> None:
    report = replace(
        REPORT, compared=9, equal=1, missed=2, refunds=1, updated=1, adopted=2, disputed=1, unknown=1,
        calls=4, ended_at=REPORT.until + 3725, examples=("ch_1", "ch_2"),
    )  # fmt: skip
    keep(system, "r1", report)
    shown = system.run("reports show r1")
    assert shown.status == 0
    for said in (
        "2023-11-14T22:13:20Z to 2023-11-15T22:13:20Z",
        "4  (missed 2, refunds 1, updated 1)",
        "1 h 2 min 5 s",
        "The books do not match.",
        "Taken into the books, and published: 2 paid at Ping++ and 1 with refunds there.",
        "Disputed: 1.",
        "Unknown: 1.",
        "ch_1",
    ):
        assert said in shown.out
    document = system.run("reports show r1 --json").json
    assert (document["repaired"], document["seconds"], document["examples"]) == (4, 3725, ["ch_1", "ch_2"])


def test_an_unknown_report_is_said_plainly(system: System) -> None:
    for line in ("reports show r1", "reports show r1 --json"):
        answer = system.run(line)
        assert (answer.status, answer.out) == (1, "")
        assert last_command(answer) == "reports list"
