"""A child ends with its parent. (That it does so when the parent is killed: tests/processes/test_supervisor.py.)"""

import os
import signal
import subprocess
import sys
import threading

import pytest

from processes import parent
from processes.parent import PARENT_PID, alive, end_with_parent, watch_parent


def test_who_lives_and_who_does_not() -> None:
    assert alive(os.getpid())
    assert alive(1)
    with subprocess.Popen([sys.executable, "-c", "pass"]) as process:
        os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT)
        assert not alive(process.pid) or sys.platform != "linux", "it has ended and was not waited for"
        process.wait()
        assert not alive(process.pid)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children look for themselves")
def test_a_child_whose_parent_had_died_before_it_asked_ends_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parent.os, "getpid", lambda: 1)  # type: ignore[attr-defined]
    before_exec = end_with_parent()
    monkeypatch.undo()
    with subprocess.Popen(
        [sys.executable, "-c", "print('ran')"],
        stdout=subprocess.PIPE,
        preexec_fn=before_exec,  # noqa: PLW1509  what is tried
    ) as one:
        assert one.communicate()[0] == b""
        assert one.returncode == 1


@pytest.mark.parametrize("said", ["", "no number"])
def test_without_a_supervisor_nobody_is_watched(said: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PARENT_PID, said)
    assert watch_parent() is None


def test_one_that_is_not_our_parent_is_not_watched_while_it_lives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PARENT_PID, str(os.getpid()))
    assert watch_parent() is None


def test_once_it_is_gone_the_process_is_asked_to_end_and_then_made_to(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    sent: list[int] = []
    slept: list[float] = []
    monkeypatch.setattr(parent.os, "kill", lambda _, number: sent.append(number))  # type: ignore[attr-defined]
    monkeypatch.setattr(parent.time, "sleep", slept.append)  # type: ignore[attr-defined]
    parents = iter([7, 7, 1])
    monkeypatch.setattr(parent.os, "getppid", lambda: next(parents))  # type: ignore[attr-defined]
    watcher = threading.Thread(target=parent._watch, args=(7,))
    watcher.start()
    watcher.join()
    assert sent == [signal.SIGTERM, signal.SIGKILL]
    assert slept == [1.0, 1.0, parent.KILL_AFTER]
