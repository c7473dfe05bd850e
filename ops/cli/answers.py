"""How commands answer: tables for people and JSON for programs on stdout, errors in plain words on stderr."""

import json
import shlex
import shutil
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]

_WIDE = 250  # columns: ids stay on one line, so that they can be copied; a narrow terminal wraps them


def fail(message: str, status: int = 1) -> NoReturn:
    """End the command. Status 1: not found, or failed; 2: used wrongly, or Redis or the sandbox does not answer."""
    say(message)
    raise typer.Exit(status)


def say(message: str) -> None:
    """Write a remark to stderr, beside the answer."""
    typer.echo(plain(message, keep="\n"), err=True)


def write(line: str | bytes) -> None:
    """Write one line of the answer to stdout at once, always in UTF-8."""
    typer.echo(line.encode("utf-8", "replace") if isinstance(line, str) else line)


def write_json(document: Any) -> None:
    """Write the answer as one JSON document."""
    write(json.dumps(document, ensure_ascii=False, indent=2))


def write_table(
    headings: Sequence[str], rows: Iterable[Sequence[object]], *, right: Sequence[str] = ()
) -> None:
    """Write the answer as a table; nothing is cut off. `right`: headings of columns with numbers."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False, header_style="bold")
    for heading in headings:
        table.add_column(heading, overflow="fold", justify="right" if heading in right else "left")
    for row in rows:
        table.add_row(*(cell(value) for value in row))
    _console(_WIDE).print(table)


def write_facts(facts: Iterable[tuple[str, object]]) -> None:
    """Write the answer as names and values; empty values are left out."""
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="bold", no_wrap=True)
    grid.add_column(overflow="fold")
    for name, value in facts:
        if value not in (None, ""):
            grid.add_row(Text(name), cell(value))
    _console(None if sys.stdout.isatty() else _WIDE).print(grid)


def cell(value: object) -> Text:
    """A value as text. Text from outside is shown as it is: never as markup, never as a command to the terminal."""
    if value is None:
        return Text("")
    if isinstance(value, bool):
        return Text("yes" if value else "no")
    if isinstance(value, dict | list):
        value = json.dumps(value, ensure_ascii=False)
    return Text(plain(str(value), keep="\n"))


def plain(text: str, keep: str = "") -> str:
    """Text with each control character escaped, but those in `keep`: text from outside must not control the terminal."""
    if text.isprintable():
        return text
    return "".join(c if c.isprintable() or c in keep else c.encode("unicode_escape").decode() for c in text)


def command(*words: str) -> str:
    """A command of ours, ready to be pasted into a shell. If PATH does not have it: by the path that this one has."""
    called = sys.argv[0]
    ours = (
        called
        if Path(called).name == "pingpp-ingest" and shutil.which("pingpp-ingest") is None
        else "pingpp-ingest"
    )
    return shlex.join([ours, *words])


def _console(width: int | None) -> Console:
    # A new console each time, because stdout may have been replaced since.
    return Console(file=sys.stdout, width=width, highlight=False)
