"""The commands `dead-letters`: what waits for a person, why, and how to end it."""

import sys
from typing import Annotated

import typer

from ops.cli.answers import AsJson, command, fail, say, write, write_json, write_table
from ops.cli.books import Books, DataDir, opened, ring
from ops.cli.letter import Raw, show_letter
from payments.dead_letters import letters
from payments.dead_letters.letters import DeadLetter
from payments.dead_letters.reasons import REASONS
from payments.dead_letters.shown import shown
from payments.times import at_ms

app = typer.Typer(
    no_args_is_help=True,
    help="What could not be handled and waits for a person: the reason, the evidence, and what to do.",
)

Ids = Annotated[list[str], typer.Argument(metavar="ID...", help="As `dead-letters list` shows them.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest trouble first.")] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List dead letters, newest trouble first."""
    with opened(data_dir) as books:
        found = list(letters.newest(books.store, limit))
        total = letters.count(books.store)
    if as_json:
        write_json([shown(letter) for letter in found])
        return
    if not found:
        say("No dead letters: nothing waits for a person.")
        return
    write_table(
        ["id", "reason", "last", "order_no", "about", "times"],
        [
            (one.id, one.reason, at_ms(one.last_ms, "seconds"), one.order_no, _about(one), one.count)
            for one in found
        ],
        right=["times"],
    )
    if total > len(found):
        say(f"{total - len(found)} more: {command('dead-letters', 'list', '--limit', str(total))}")
    say(f"What one is about, and what to do: {command('dead-letters', 'show', found[0].id)}")


@app.command()
def show(
    id_: Annotated[str, typer.Argument(metavar="ID", help="As `dead-letters list` shows it.")],
    raw: Raw = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show all that is known of a dead letter: what happened, what each side says, and what to do next."""
    with opened(data_dir) as books:
        letter = _get(books, id_)
        if letter is None:
            fail(_unknown(id_))
        body = letters.body(books.store, letter)
    show_letter(letter, body, raw=raw, as_json=as_json)


@app.command()
def retry(
    ids: Annotated[
        list[str] | None, typer.Argument(metavar="ID...", help="As `dead-letters list` shows them.")
    ] = None,
    all_: Annotated[bool, typer.Option("--all", help="All of them (see --reason).")] = False,
    reason: Annotated[str | None, typer.Option(help="With --all: only those with this reason.")] = None,
    data_dir: DataDir = None,
) -> None:
    """Have dead letters worked on again, with a new count of attempts."""
    if bool(ids) == all_:
        raise typer.BadParameter("Name the dead letters, or say --all.")
    if reason is not None and not all_:
        raise typer.BadParameter("--reason goes with --all.")
    with opened(data_dir) as books:
        found, missing = _all(books, reason) if all_ else _named(books, ids or [])
        back = [letter for letter in found if letters.retry(books.store, letter)]
        for due_set in sorted({letter.due_set for letter in back}):
            ring(books, due_set)
    for letter in back:
        write(f"{letter.id} is being worked on again.")
    missing += [letter.id for letter in found if letter not in back and not all_]
    if all_ and not back:
        say(f"No dead letters{f' with the reason {reason}' if reason else ''}.")
        if reason and reason not in REASONS:
            say(f"Reasons are: {', '.join(REASONS)}.")
    _end(missing)


@app.command()
def discard(
    ids: Ids,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    data_dir: DataDir = None,
) -> None:
    """End dead letters for good. Their bodies are kept for KEEP_BODIES_DAYS more."""
    with opened(data_dir) as books:
        found, missing = _named(books, ids)
        if found and not yes and _on_terminal():
            for letter in found:
                say(f"{letter.id}  {letter.reason}  {letter.order_no or _about(letter)}")
            typer.confirm(
                f"End {len(found)} for good? Nothing will be published for them", abort=True, err=True
            )
        keep_s = books.settings.keep_bodies_s
        for letter in found:
            if letters.discard(books.store, letter, keep_s):
                write(f"{letter.id} is ended.")
            else:
                missing.append(letter.id)
    _end(missing)


def _on_terminal() -> bool:
    return sys.stdin.isatty()


def _get(books: Books, id_: str) -> DeadLetter | None:
    return letters.get(books.store, id_)


def _about(letter: DeadLetter) -> str:
    return letter.event_id or letter.charge_id or letter.member


def _named(books: Books, ids: list[str]) -> tuple[list[DeadLetter], list[str]]:
    found = {id_: _get(books, id_) for id_ in ids}
    return [one for one in found.values() if one], [id_ for id_, one in found.items() if not one]


def _all(books: Books, reason: str | None) -> tuple[list[DeadLetter], list[str]]:
    total = letters.count(books.store)
    found = letters.newest(books.store, total) if total else iter(())
    return [one for one in found if reason in (None, one.reason)], []


def _end(missing: list[str]) -> None:
    if missing:
        fail("\n".join(map(_unknown, missing)))


def _unknown(id_: str) -> str:
    return f"There is no dead letter {id_}: it was ended already, or the id is wrong. See: pingpp-ingest dead-letters list"
