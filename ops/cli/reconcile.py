"""The command `reconcile`: has the workers compare the books with what Ping++ lists, and waits for their report."""

import contextlib
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.text import Text

from ops.cli.answers import AsJson, command, fail, plain, say, write_json
from ops.cli.books import AWAY, Books, DataDir, opened, ring
from ops.cli.reports import letter_of, member_of, report_json, why_failed, write_report
from payments import due
from payments.books.view import rfc3339
from payments.dead_letters.letters import DeadLetter, get
from payments.keys import SWEEPS
from payments.reconciliation import reports
from payments.reconciliation.reports import DISCOVER, RECONCILE
from payments.reconciliation.sweep import Progress

DIFFERENT = 3  # the exit status
TAKEN_WITHIN_S = 60.0
FAILURES = 3  # are enough to stop waiting; Ping++ being away is none
_LOOK_EVERY_S = 0.2
_SAY_EVERY_S = 10.0  # where stderr is no terminal
_AWAY_S = 30.0  # a Redis that is started again is waited for
_DAY_S = 86_400
_SCAN = 10_000
_NEWEST = 1_000  # payments that are looked at for their app
_UNITS = {"s": 1, "m": 60, "h": 3600, "d": _DAY_S, "w": 7 * _DAY_S}

_WHEN = "RFC 3339 with a zone, a date (its beginning in UTC), or how long ago: 90m, 24h, 7d"


def reconcile(  # noqa: PLR0917  typer calls it by name
    since: Annotated[
        str | None,
        typer.Option(metavar="TIME", help=f"Charges created since then: {_WHEN}.", show_default="24h ago"),
    ] = None,
    until: Annotated[
        str | None, typer.Option(metavar="TIME", help="And until then, written likewise.", show_default="now")
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
    published. It costs a call for each 100 charges. Ctrl-C ends the waiting
    alone: the workers go on.

    Exit status: 0 the books match, or all that differed is mended;
    3 they differ (--dry-run), or some of it is disputed or unknown (without);
    1 it failed, or no worker took it; 2 used wrongly, or Redis does not answer.
    """
    begin, end = _when(since, "--since"), _when(until, "--until")
    with opened(data_dir) as books:
        now = int(_now_ms(books) // 1000)
        window = begin.at(now), end.at(now)
        if window[0] >= window[1]:
            raise typer.BadParameter(
                f"--since ({rfc3339(window[0])}) is not before --until ({rfc3339(window[1])})."
            )
        wanted = Progress(RECONCILE, _app(books, app_id), *window, began_at=now, dry_run=dry_run)
        id_ = f"{datetime.fromtimestamp(now, UTC):%Y%m%dT%H%M%S}-{secrets.token_hex(3)}"
        try:
            reports.request(books.client, books.keys, id_, wanted)
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
    """The exit status that a report is worth."""
    different = not report.matches if report.dry_run else report.disputed or report.unknown
    return DIFFERENT if different else 0


@dataclass(frozen=True, slots=True)
class When:
    """A second (Unix), or so many seconds ago."""

    seconds: int
    ago: bool = False

    def at(self, now: int) -> int:
        """The second that is meant."""
        return max(0, now - self.seconds if self.ago else self.seconds)


def read_when(text: str) -> When:
    """What a person means by a point in time. Raises ValueError."""
    found = re.fullmatch(r"(\d{1,9})([smhdw])", text)
    if found:
        return When(int(found[1]) * _UNITS[found[2]], ago=True)
    if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
        day = date.fromisoformat(text)
        return When(int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()))
    at = datetime.fromisoformat(text)
    if at.tzinfo is None:
        raise ValueError("it names no zone, such as Z or +08:00")
    return When(int(at.timestamp()))


def _when(text: str | None, option: str) -> When:
    if text is None:
        return When(_DAY_S if option == "--since" else 0, ago=True)
    try:
        return read_when(text)
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{option} {text}: {error}. Write {_WHEN}.") from None


def _app(books: Books, wanted: str | None) -> str:
    """The app that is meant. Ends the command where that is not clear."""
    swept = {name for name in _members(books) if not name.startswith("run:")}
    known = sorted({one.partition(":")[2] for one in swept}) or sorted(_apps_of_old(books))
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
    if known and wanted not in known and not books.client.exists(books.keys.charges(wanted)):
        fail(f"No app {wanted} is known here. Those that are: {', '.join(known)}", status=2)
    return wanted


def _members(books: Books) -> dict[str, float]:
    """What waits in the due set of sweeps, and when it is due (ms)."""
    found: Any = books.client.zrange(books.keys.due(SWEEPS), 0, -1, withscores=True)
    return {name.decode(): score for name, score in found}


def _apps_of_old(books: Books) -> set[str]:
    """Where nothing is swept by itself: the apps that were, and those of the newest payments."""
    names: Any = books.client.zrevrange(books.keys.payments, 0, _NEWEST - 1)
    apps = {name.decode().partition(":")[0] for name in names}
    for kind in (DISCOVER, RECONCILE):
        beginning = books.keys.swept(kind, "")
        pattern = re.sub(r"([*?\[\]\\^-])", r"\\\1", beginning) + "*"
        for key in books.client.scan_iter(match=pattern, count=_SCAN):
            apps.add(key.decode().removeprefix(beginning))
    return apps


@dataclass(frozen=True, slots=True)
class Look:
    """How a run stands. All empty: somebody ended it. `waits_ms` is how long it is due already, below 0: not yet."""

    progress: Progress | None = None
    report: Progress | None = None
    letter: DeadLetter | None = None
    waits_ms: float = 0
    begun: bool = False
    attempts: int = 0
    error: str = ""
    others_run: bool = False


def _look(books: Books, id_: str) -> Look:
    client, keys, member = books.client, books.keys, member_of(id_)
    # In this order: what ends between the looks is seen all the same.
    progress = reports.progress_of(client, keys, member)
    members = _members(books)
    letter = get(client, keys, letter_of(id_))
    report = reports.get(client, keys, id_)
    tried: Any = client.hgetall(keys.attempts(SWEEPS))
    attempts, _, error = due.read_attempts(tried.pop(member.encode(), None))
    now, due_ms = _now_ms(books), members.pop(member, None)
    if due_ms is None:  # it ended, and where nobody discarded it there is a letter or a report
        return Look(None, report, letter)
    return Look(
        progress,
        report,
        letter,
        waits_ms=now - due_ms,
        begun=due_ms > 0,
        attempts=attempts,
        error=error,
        others_run=any(
            due.read_attempts(tried.get(name.encode()))[0] and 0 < at - now <= due.LEASE_MS[SWEEPS]
            for name, at in members.items()
        ),
    )


def _wait(books: Books, id_: str, wanted: Progress, *, quiet: bool) -> Progress:
    """The report, once there is one. Ends the command where there will be none."""
    heard = taken = time.monotonic()
    with _line(quiet=quiet) as show:
        show(
            f"Comparing {wanted.app} from {rfc3339(wanted.since)} to {rfc3339(wanted.until)}, report {id_} ..."
        )
        while True:
            try:
                look = _look(books, id_)
                heard = time.monotonic()
            except AWAY:
                if time.monotonic() > heard + _AWAY_S:
                    raise
                time.sleep(_LOOK_EVERY_S)
                continue
            if look.report is not None:
                return look.report
            if look.letter is not None:
                fail(why_failed(look.letter))
            if look.progress is None:
                fail("Somebody ended it, and its dead letter, before there was a report.")
            if look.error and look.attempts > FAILURES:
                fail(
                    f"The comparison failed {FAILURES} times: {look.error}\nSee the worker's log. It is tried again, at "
                    f"longer and longer intervals: {command('reports', 'show', id_)}"
                )
            if look.waits_ms < 0 or look.others_run:
                taken = heard
            elif heard > taken + TAKEN_WITHIN_S:
                _nobody(books, id_, begun=look.begun)
            show(_said(look.progress, look))
            time.sleep(_LOOK_EVERY_S)


def _nobody(books: Books, id_: str, *, begun: bool) -> NoReturn:
    if not begun:
        reports.drop(books.client, books.keys, member_of(id_))
    fail(
        f"No worker took it within {TAKEN_WITHIN_S:g} s"
        + ("; it waits, and goes on as soon as one does." if begun else ", so it was withdrawn.")
        + "\nDo the worker and the scheduler run, with the same REDIS_URL and KEY_PREFIX, and what do their logs say?"
    )


def _said(progress: Progress, look: Look) -> str:
    said = f"{progress.compared} charges compared, {progress.calls} calls"
    if look.error:
        said += f"; {'it failed' if look.attempts else 'it waits'}: {plain(look.error)}"
    elif not look.begun:
        said += "; the worker is at another sweep" if look.others_run else "; no worker has taken it yet"
    return said


@contextlib.contextmanager
def _line(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """A way to say how far it is, on stderr: in place on a terminal, else a line now and then."""
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


def _now_ms(books: Books) -> float:
    seconds, micros = books.client.time()
    return seconds * 1000 + micros / 1000
