"""The commands `reports`: what sweeps found when they compared the books with what Ping++ lists."""

from typing import Annotated

import typer

from ops.cli.answers import AsJson, command, fail, say, write, write_facts, write_json, write_table
from ops.cli.books import DataDir, opened
from payments.dead_letters.letters import DeadLetter, get
from payments.keys import SWEEPS
from payments.members import member_of
from payments.reconciliation import reports
from payments.reconciliation.run import letter_of
from payments.reconciliation.shown import mended, report_json
from payments.reconciliation.sweep import Progress
from payments.times import rfc3339

app = typer.Typer(no_args_is_help=True, help="What sweeps found when they compared the books with Ping++.")


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the reports of sweeps that ended, newest first. A discovery leaves one only if it found something."""
    with opened(data_dir) as books:
        found = reports.newest(books.store, limit)
    if as_json:
        write_json([report_json(id_, one) for id_, one in found])
        return
    if not found:
        say(f"No sweep has left a report yet. To compare the books with Ping++ now: {command('reconcile')}")
        return
    numbers = ["compared", "repaired", "adopted", "disputed", "unknown"]
    write_table(
        ["id", "kind", "ended", "since", *numbers, "books", "app"],
        [
            (
                id_,
                kind(one),
                rfc3339(one.ended_at),
                rfc3339(one.since),
                one.compared,
                mended(one),
                one.adopted,
                one.disputed,
                one.unknown,
                _state(one),
                one.app,
            )
            for id_, one in found
        ],
        right=numbers,
    )
    say(f"What one found, and what to do: {command('reports', 'show', found[0][0])}")


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `reports list` shows it.")],
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show what a sweep compared and found, and what to do; or how far a running `reconcile` is."""
    with opened(data_dir) as books:
        # The report is read last, so that a sweep that ends in between is seen too.
        under_way = reports.progress_of(books.store, member_of(id_))
        waits = books.store.client.zscore(books.store.keys.due(SWEEPS), member_of(id_)) is not None
        letter = get(books.store, letter_of(id_))
        report = reports.get(books.store, id_)
    found = report or (under_way if waits or letter else None)
    if found is None:
        fail(
            f"There is no report {id_}: newer ones displaced it, its dead letter was discarded, or the id is wrong. See: pingpp-ingest reports list"
        )
    if as_json:
        write_json(report_json(id_, found))
    else:
        write_report(id_, found)
    if report is None and letter is not None:
        fail(why_failed(letter))


def why_failed(letter: DeadLetter) -> str:
    """Why a sweep failed, and what to do."""
    return (
        f"The comparison failed: {letter.last_error or 'each attempt killed its worker'}\n"
        f"It waits as a dead letter: {command('dead-letters', 'show', letter.id)}\n"
        f"To go on where it stopped, once the cause is mended: {command('dead-letters', 'retry', letter.id)}"
    )


def write_report(id_: str, one: Progress) -> None:
    """A report for people, with what it means and what to do."""
    dry = one.dry_run
    parts = ", ".join(f"{name} {getattr(one, name)}" for name in ("missed", "refunds", "updated"))
    write_facts(
        [
            ("report", id_),
            ("kind", kind(one)),
            ("app", one.app),
            ("window", f"{rfc3339(one.since)} to {rfc3339(one.until)}"),
            ("", ""),
            ("compared", f"{one.compared} {'charge' if one.compared == 1 else 'charges'}"),
            ("equal", one.equal),
            ("to repair" if dry else "repaired", f"{mended(one)}  ({parts})"),
            ("to adopt" if dry else "adopted", one.adopted),
            ("disputed", one.disputed),
            ("unknown", one.unknown),
            ("calls", one.calls),
            ("began", rfc3339(one.began_at)),
            ("took", "" if one.ended_at is None else _long(one.ended_at - one.began_at)),
            ("examples", "\n".join(one.examples)),
        ]
    )
    write("")
    for line in _meaning(one):
        write(line)


def kind(one: Progress) -> str:
    """The kind of sweep, with whether it was a dry run."""
    return f"{one.kind}, dry run" if one.dry_run else one.kind


def _state(one: Progress) -> str:
    if one.matches:
        return "match"
    return "differ" if one.dry_run or one.disputed or one.unknown else "mended"


def _meaning(one: Progress) -> list[str]:
    if one.ended_at is None:
        return ["It has not ended yet."]
    if one.matches:
        return ["The books match."]
    mended = _state(one) == "mended"
    said = ["The books did not match, and do now." if mended else "The books do not match."]
    lost = [
        f"{n} {what}"
        for n, what in ((one.missed, "paid at Ping++"), (one.refunds, "with refunds there"))
        if n
    ]
    if lost and one.dry_run:
        again = command(
            "reconcile", "--since", _option(one.since), "--until", _option(one.until), "--app", one.app
        )
        said.append(f"Not in the books: {' and '.join(lost)}. To take that in, and publish it: {again}")
    elif lost:
        said.append(
            f"Taken into the books, and published: {' and '.join(lost)}. No webhook had told of it: is our address right "
            "in Ping++'s dashboard, and reached from outside?"
        )
    if one.disputed and one.dry_run:
        said.append(
            f"Disputed: {one.disputed}. Books and list contradict each other, or the charge is not listed. Without "
            "--dry-run Ping++ is asked about each."
        )
    elif one.disputed:
        said.append(
            f"Disputed: {one.disputed}. Ping++ is asked about each; what that does not clear up becomes a dead letter: "
            + command("dead-letters", "list")
        )
    if one.unknown:
        said.append(
            f"Unknown: {one.unknown}. Made elsewhere, and left alone because SWEEP_ADOPTS is false. `PUT /charges/ID` of "
            "the merchant API takes one under care."
        )
    return said


def _option(second: int) -> str:
    return rfc3339(second) or str(second)


def _long(seconds: int) -> str:
    if seconds < 1:
        return "less than 1 s"
    minutes, rest = divmod(seconds, 60)
    hours, minutes = divmod(minutes, 60)
    told = [f"{n} {unit}" for n, unit in ((hours, "h"), (minutes, "min"), (rest, "s")) if n]
    return " ".join(told)
