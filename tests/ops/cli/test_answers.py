"""How commands answer: nothing cut off, nothing obeyed that a stranger wrote, errors on stderr."""

import json
import shutil
import sys
from typing import Any

import pytest
import typer

from ops.cli.answers import cell, command, fail, plain, say, write, write_facts, write_json, write_table


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("茶 and tea", "茶 and tea"),
        ("\x1b[31mred\x1b[0m", "\\x1b[31mred\\x1b[0m"),
        ("a\nb\tc", "a\nb\\tc"),
        ("\u202eback", "\\u202eback"),
    ],
)
def test_a_terminal_obeys_nobody(text: str, shown: str) -> None:
    assert plain(text, keep="\n") == shown
    assert cell(text).plain == shown
    assert "\n" not in plain(text)


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, ""),
        (True, "yes"),
        (False, "no"),
        (0, "0"),
        ({"a": "茶"}, '{"a": "茶"}'),
        ([1, None], "[1, null]"),
    ],
)
def test_values_are_written_for_people(value: object, shown: str) -> None:
    assert cell(value).plain == shown


def test_what_is_written_is_no_markup(capsys: pytest.CaptureFixture[str]) -> None:
    write_facts([("name", "[bold]x[/bold]"), ("left out", None), ("too", ""), ("kept", 0)])
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["name", "[bold]x[/bold]"],
        ["kept", "0"],
    ]


def test_nothing_in_a_table_is_cut_off(capsys: pytest.CaptureFixture[str]) -> None:
    write_table(["id", "n"], [("x" * 200, 5), ("y", 12)], right=["n"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["id", "n"]
    assert lines[2].split() == ["x" * 200, "5"]
    assert lines[3].endswith(" 12")
    assert lines[2].endswith("  5")


def test_a_document_is_json_in_utf_8(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    document: dict[str, Any] = {"茶": ["é", None]}
    write_json(document)
    written = capfdbinary.readouterr().out
    assert json.loads(written) == document
    assert "茶".encode() in written
    write("half \ud800")
    write(b"bytes \xff")
    assert capfdbinary.readouterr().out == b"half ?\nbytes \xff\n"


def test_remarks_and_errors_go_to_stderr_and_end_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    say("a remark\n\x1b[31m")
    with pytest.raises(typer.Exit) as ended:
        fail("not there")
    assert ended.value.exit_code == 1
    with pytest.raises(typer.Exit) as ended:
        fail("used wrongly", 2)
    assert ended.value.exit_code == 2
    out, err = capsys.readouterr()
    assert (out, err) == ("", "a remark\n\\x1b[31m\nnot there\nused wrongly\n")


@pytest.mark.parametrize(
    ("called", "on_path", "said"),
    [
        (".venv/bin/pingpp-ingest", None, ".venv/bin/pingpp-ingest"),
        (".venv/bin/pingpp-ingest", "/usr/bin/pingpp-ingest", "pingpp-ingest"),
        ("pytest", None, "pingpp-ingest"),
    ],
)
def test_a_command_can_be_pasted_as_this_one_was_called(
    called: str, on_path: str | None, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [called])
    monkeypatch.setattr(shutil, "which", lambda _: on_path)
    assert command("payments", "show", "an order's") == f"{said} payments show 'an order'\"'\"'s'"
