"""One child of a supervisor: what it prints is relayed line by line, and its readiness is its own word."""

import os
import signal
import sys

import pytest

from processes import child
from processes.child import Child, Running, prefixes
from tests.patience import PATIENCE_S, until

PRINTS = "import sys; sys.stdout.write(sys.argv[1]); sys.stdout.flush(); sys.stdin.read()"


def running(text: str = "", *, prefix: str | None = "one |", **more: object) -> Running:
    made = Running(Child("one", [sys.executable, "-c", PRINTS, text], **more), prefix)  # type: ignore[arg-type]
    made.spawn()
    return made


def ended(one: Running) -> None:
    assert one.process is not None
    one.process.wait(PATIENCE_S)
    one.forget()


def test_what_it_prints_is_printed_with_its_name(capfd: pytest.CaptureFixture[str]) -> None:
    one = running("first\r\nsecond\n茶 without an end")
    ended(one)
    assert capfd.readouterr().out.splitlines() == ["one | first", "one | second", "one | 茶 without an end"]
    assert one.last_lines() == " Its last lines:\n  first\n  second\n  茶 without an end"
    assert (one.starts, one.process, one.relay()) == (1, None, False)


def test_a_line_without_an_end_is_not_kept_for_ever(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(child, "LONGEST_LINE", 8)
    ended(running("x" * 20))
    assert [len(line) for line in capfd.readouterr().out.splitlines()] == [len("one | ") + n for n in (16, 4)]


def test_one_that_prints_by_itself_is_not_relayed(capfd: pytest.CaptureFixture[str]) -> None:
    one = running("by itself", prefix=None)
    assert not one.relay()
    ended(one)
    assert capfd.readouterr().out == "by itself"
    assert one.last_lines() == ""


def test_it_is_ready_when_it_says_so_and_never_once_it_has_ended() -> None:
    missing: list[str | None] = ["no socket", None]
    one = running(ready=lambda: missing[0])
    assert (one.is_ready(), one.missing) == (False, "no socket")
    missing.pop(0)
    assert (one.is_ready(), one.missing) == (True, "")
    ended(one)
    assert (one.is_ready(), one.missing) == (False, "it ended")
    silent = running()
    assert silent.is_ready(), "one that says nothing is ready when it runs"
    ended(silent)


def test_it_has_the_environment_that_it_is_given_and_knows_its_parent() -> None:
    says = "import os; print(os.environ['TEA'], os.environ['PINGPP_INGEST_PARENT_PID'], os.getsid(0) == os.getpid())"
    one = Running(Child("one", [sys.executable, "-c", says], {"TEA": "green"}), "one |")
    one.spawn()
    ended(one)
    assert one.last_lines().splitlines()[-1].split() == ["green", str(os.getpid()), "True"]


def test_it_can_be_told_to_end_and_made_to() -> None:
    sleeps = Child("one", [sys.executable, "-c", "import signal; print('up', flush=True); signal.pause()"])
    for end, status in (
        (lambda one: one.send(signal.SIGTERM), signal.SIGTERM),
        (Running.kill, signal.SIGKILL),
    ):
        one = Running(sleeps, "one |")
        end(one)  # nothing runs yet, and nothing happens
        one.spawn()
        until(lambda one=one: one.relay() and one.last_lines())  # type: ignore[misc]
        end(one)
        assert one.process is not None
        assert one.process.wait(PATIENCE_S) == -status
        one.kill()
        one.forget()


def test_names_are_aligned_and_coloured_for_a_terminal_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    assert prefixes(["redis", "receiver"]) == ["redis    |", "receiver |"]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    coloured = prefixes(["a"] * 9)
    assert coloured[0] == "\x1b[36ma |\x1b[0m" == coloured[8] != coloured[1]
