"""The command `reconcile`: has the workers compare the books with what Ping++ lists, and waits for their report."""

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Annotated, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from ops.cli.answers import AsJson, command, fail, plain, say, write_json
from ops.cli.books import AWAY, Books, DataDir, opened, ring
from ops.cli.reports import why_failed, write_report
from ops.cli.when import DAY_S, When, read_when
from payments import clock, members
from payments.keys import SWEEPS
from payments.members import member_of
from payments.reconciliation import reports, run
from payments.reconciliation.reports import RECONCILE
from payments.reconciliation.shown import report_json
from payments.reconciliation.sweep import Progress
from payments.times import rfc3339

DIFFERENT = 3  # the exit status
TAKEN_WITHIN_S = 60.0
FAILURES = 3  # so many end the waiting; an unreachable Ping++ does not count as one
_LOOK_EVERY_S = 0.2
# How often progress is said where stderr is no terminal.
_SAY_EVERY_S = 10.0
# How long the command waits for an unreachable Redis: it may be starting again.
_AWAY_S = 30.0

_WHEN = "RFC 3339 with a zone, a date (its beginning in UTC), or how long ago: 90m, 24h, 7d"


def reconcile(  # noqa: PLR0917  typer calls it by name
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help=f"Charges created since then: {_WHEN}.", show_default="24h ago"),
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(metavar="TIME", help="And created before then, in the same forms.", show_default="now"),
    ] = None,
    app_id: Annotated[
        str | None, typer.Option("--app", help="Of this app (app_…), where there are several.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only tell: nothing is changed, published or asked.")
    ] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Have the workers compare the books with what Ping++ lists, and mend what differs.

    What was paid or refunded there and not here is taken into the books and
    published. It costs one call for each 100 charges. Ctrl-C ends only the
    waiting: the workers go on.

    Exit status: 0 the books match, or all differences are mended;
    3 they differ (--dry-run), or a difference is disputed or unknown (without);
    1 it failed, or no worker took it; 2 used wrongly, or Redis does not answer.
    """
    begin, end = _when(since, "--since"), _when(until, "--until")
    with opened(data_dir) as books:
        now = clock.now_ms(books.store.client) // 1000
        window = begin.at(now), end.at(now)
        if window[0] >= window[1]:
            raise typer.BadParameter(
                f"--since ({rfc3339(window[0])}) is not before --until ({rfc3339(window[1])})."
            )
        wanted = Progress(RECONCILE, _app(books, app_id), *window, began_at=now, dry_run=dry_run)
        id_ = reports.new_id(now)
        try:
            reports.request(books.store, id_, wanted)
            ring(books, SWEEPS)
            report = _wait(books, id_, wanted, quiet=as_json)
        except KeyboardInterrupt:
            say(f"\nThe workers go on with it. What they find: {command('reports', 'show', id_)}")
            raise typer.Exit(130) from None
    if as_json:
        write_json(report_json(id_, report))
    else:
        write_report(id_, report)
    raise typer.Exit(status(report))


def status(report: Progress) -> int:
    """The exit status for a report."""
    different = not report.matches if report.dry_run else report.disputed or report.unknown
    return DIFFERENT if different else 0


def _when(text: str | None, option: str) -> When:
    if text is None:
        return When(DAY_S if option == "--since" else 0, ago=True)
    try:
        return read_when(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{option} {text}: {error}. Write {_WHEN}.") from None


def _app(books: Books, wanted: str | None) -> str:
    """The app that is meant. Ends the command if that is not clear."""
    swept = {app for kind, app in map(members.read_sweep, run.members(books.store)) if kind != members.RUN}
    known = sorted(swept) or sorted(run.apps_of_old(books.store))
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted is None and known:
        ways = [command("reconcile", "--app", one) for one in known]
        fail("Several apps are known. Say which:\n" + "\n".join(ways), status=2)
    if wanted is None:
        fail(
            "No app is known here yet. Set PINGPP_APP_IDS (app_…, as Ping++'s dashboard shows them) for the worker and "
            "start it again: it then sweeps them by itself, too. Or name one: --app app_…",
            status=2,
        )
    if known and wanted not in known and not books.store.client.exists(books.store.keys.charges(wanted)):
        fail(f"No app {wanted} is known here. Those that are: {', '.join(known)}", status=2)
    return wanted


def _wait(books: Books, id_: str, wanted: Progress, *, quiet: bool) -> Progress:
    """The report, once there is one. Ends the command if there will be none."""
    heard = taken = time.monotonic()
    with _line(quiet=quiet) as show:
        show(
            f"Comparing {wanted.app} from {rfc3339(wanted.since)} to {rfc3339(wanted.until)}, report {id_} ..."
        )
        while True:
            try:
                stands = run.standing(books.store, id_)
                heard = time.monotonic()
            except AWAY:
                if time.monotonic() > heard + _AWAY_S:
                    raise
                time.sleep(_LOOK_EVERY_S)
                continue
            if stands.report is not None:
                return stands.report
            if stands.letter is not None:
                fail(why_failed(stands.letter))
            if stands.progress is None:
                fail("It was ended, and its dead letter too, before there was a report.")
            if stands.error and stands.attempts > FAILURES:
                fail(
                    f"The comparison failed {FAILURES} times: {stands.error}\nSee the worker's log. It is tried again, at "
                    f"longer and longer intervals: {command('reports', 'show', id_)}"
                )
            if stands.waits_ms < 0 or stands.others_run:
                taken = heard
            elif heard > taken + TAKEN_WITHIN_S:
                _not_taken(books, id_, begun=stands.begun)
            show(_said(stands.progress, stands))
            time.sleep(_LOOK_EVERY_S)


def _not_taken(books: Books, id_: str, *, begun: bool) -> NoReturn:
    if not begun:
        reports.drop(books.store, member_of(id_))
    fail(
        f"No worker took it within {TAKEN_WITHIN_S:g} s"
        + ("; it waits, and goes on as soon as one does." if begun else ", so it was withdrawn.")
        + "\nDo the worker and the scheduler run, with the same REDIS_URL and KEY_PREFIX, and what do their logs say?"
    )


def _said(progress: Progress, stands: run.Standing) -> str:
    said = f"{progress.compared} charges compared, {progress.calls} calls"
    if stands.error:
        said += f"; {'it failed' if stands.attempts else 'it waits'}: {plain(stands.error)}"
    elif not stands.begun:
        said += "; the worker is at another sweep" if stands.others_run else "; no worker has taken it yet"
    return said


@contextlib.contextmanager
def _line(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A function that says on stderr how far it is: in place on a terminal, else a new line now and then."""
    if quiet:
        yield lambda _: None
    elif sys.stderr.isatty():
        with Console(stderr=True, highlight=False).status("") as status:
            yield lambda text: status.update(Text(text))
    else:
        said, last = "", 0.0

        def seldom(text: str) -> None:
            nonlocal said, last
            if text != said and time.monotonic() > last + _SAY_EVERY_S:
                said, last = text, time.monotonic()
                say(text)

        yield seldom
