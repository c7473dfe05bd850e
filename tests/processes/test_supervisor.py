"""Children are started in order, again when they die, and stopped with their supervisor, however that ends."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from processes.parent import PARENT_PID, alive
from tests.patience import PATIENCE_S, until

HEAD = """
import os, sys
from pathlib import Path
from processes.supervisor import Child, Supervisor
here = Path(sys.argv[1])

def sh(name, script, trap=":", **more):
    # Each writes down its process id at each start, once it has set its trap.
    return Child(name, ["sh", "-c", f"{trap}; echo $$ >> {here}/{name}.pids; {script}"], **more)

def stays(name, first=":", **more):
    trap = f"trap 'echo {name} >> {here}/ended; exit 0' TERM"
    return sh(name, f"{first}; while :; do sleep 0.02; done", trap, **more)

def deaf():
    return sh("deaf", "while :; do sleep 0.02; done", "trap : TERM")

def there(name):
    return lambda: None if (here / name).exists() else f"there is no {name}"

def say(word):
    return lambda: print(word, flush=True)
"""

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[str]] = []

    def start(script: str) -> "subprocess.Popen[str]":
        process = subprocess.Popen(
            [sys.executable, "-c", f"{HEAD}\nraise SystemExit(Supervisor({script}).run())", str(tmp_path)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()


def pids(directory: Path, name: str) -> list[int]:
    path = directory / f"{name}.pids"
    return [int(line) for line in path.read_text().splitlines()] if path.exists() else []


def test_a_killed_child_is_started_again(tmp_path: Path, start: Start) -> None:
    supervisor = start("[stays('one'), stays('other')]")
    until(lambda: pids(tmp_path, "one") and pids(tmp_path, "other"), "both run")
    os.kill(pids(tmp_path, "one")[0], signal.SIGKILL)
    until(lambda: len(pids(tmp_path, "one")) == 2, "it runs again")
    assert len(pids(tmp_path, "other")) == 1
    supervisor.terminate()
    said, _ = supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 0
    assert "child_ended" in said
    assert "SIGKILL" in said
    assert not alive(pids(tmp_path, "one")[1])


def test_a_child_that_dies_at_once_is_given_more_and_more_time(start: Start) -> None:
    supervisor = start("[sh('one', 'exit 1')], relay=True")
    assert supervisor.stdout is not None
    said = [supervisor.stdout.readline() for _ in range(3)]
    assert [re.sub(".*starts again ", "", line).strip() for line in said] == ["at once", "in 0.5 s", "in 1 s"]


def test_children_start_when_those_before_them_are_ready_and_stop_in_their_own_order(
    tmp_path: Path, start: Start
) -> None:
    supervisor = start(
        """[
        stays('redis', f"sleep 0.2; touch {here}/made", ready=there('made'), stop=2),
        stays('late', f"test -e {here}/made && touch {here}/was_made", start=1, stop=1),
        stays('door', start=1, stop=0),
        ], on_ready=say('ready'), on_stop=say('stopping')"""
    )
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "ready\n"
    until(lambda: pids(tmp_path, "late") and pids(tmp_path, "door"), "all run")
    until((tmp_path / "was_made").exists, "the late one saw the first ready")
    supervisor.send_signal(signal.SIGINT)
    rest, _ = supervisor.communicate(timeout=PATIENCE_S)
    assert rest == "stopping\n"
    assert (tmp_path / "ended").read_text().split() == ["door", "late", "redis"]
    assert supervisor.returncode == 0


def test_a_child_that_refuses_to_start_ends_the_whole(tmp_path: Path, start: Start) -> None:
    supervisor = start("[stays('good'), sh('bad', 'echo PORT: not a number; exit 2')], relay=True")
    out, said = supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 2
    assert "bad refused to start. Its last lines:\n  PORT: not a number" in said
    assert "bad  | PORT: not a number\n" in out
    assert not alive(pids(tmp_path, "good")[0])


def test_a_child_that_refuses_later_is_tried_again(tmp_path: Path, start: Start) -> None:
    supervisor = start(f"[stays('one', 'test $(wc -l < {tmp_path}/one.pids) = 2 && exit 2')], relay=True")
    until(lambda: pids(tmp_path, "one"), "it runs")
    os.kill(pids(tmp_path, "one")[0], signal.SIGKILL)
    until(lambda: len(pids(tmp_path, "one")) == 3, "it runs after it has refused")
    assert supervisor.poll() is None


def test_a_child_that_does_not_get_ready_is_shown(tmp_path: Path, start: Start) -> None:
    supervisor = start(
        "[sh('slow', 'echo warming up; sleep 600', ready=there('nothing'), ready_within=0.5)], relay=True"
    )
    _, said = supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 1
    assert "slow did not get ready within 0.5 s (there is no nothing). Its last lines:\n  warming up" in said
    assert not alive(pids(tmp_path, "slow")[0])


def test_a_command_that_is_not_there_is_named(start: Start) -> None:
    supervisor = start("[Child('none', ['/no/such/command'])]")
    _, said = supervisor.communicate(timeout=PATIENCE_S)
    assert supervisor.returncode == 1
    assert "none cannot be run" in said


def test_a_child_that_does_not_end_is_killed(tmp_path: Path, start: Start) -> None:
    supervisor = start("[deaf()], relay=True, grace=0.3")
    until(lambda: pids(tmp_path, "deaf"), "it runs")
    supervisor.terminate()
    out, _ = supervisor.communicate(timeout=PATIENCE_S)
    assert "killed: why it did not end in time" in out
    assert supervisor.returncode == 0
    assert not alive(pids(tmp_path, "deaf")[0])


def test_a_second_ctrl_c_kills_at_once(tmp_path: Path, start: Start) -> None:
    supervisor = start("[deaf()], relay=True, grace=600, on_stop=say('stopping')")
    until(lambda: pids(tmp_path, "deaf"), "it runs")
    supervisor.send_signal(signal.SIGINT)
    supervisor.send_signal(signal.SIGINT)  # the same press, by way of make
    assert supervisor.stdout is not None
    while supervisor.stdout.readline() != "stopping\n":
        pass
    time.sleep(0.7)
    assert supervisor.poll() is None
    supervisor.send_signal(signal.SIGINT)
    out, _ = supervisor.communicate(timeout=PATIENCE_S)
    assert "killed: why asked twice" in out


def test_ctrl_c_does_not_reach_the_children(tmp_path: Path, start: Start) -> None:
    start("[stays('one')]")
    until(lambda: pids(tmp_path, "one"), "it runs")
    child = pids(tmp_path, "one")[0]
    assert os.getpgid(child) == child


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere children look once a second, if they do")
def test_a_killed_supervisor_leaves_no_child(tmp_path: Path, start: Start) -> None:
    supervisor = start("[stays('one'), stays('other')]")
    until(lambda: pids(tmp_path, "one") and pids(tmp_path, "other"), "both run")
    supervisor.kill()
    supervisor.wait(PATIENCE_S)
    for name in ("one", "other"):
        until(lambda name=name: not alive(pids(tmp_path, name)[0]), f"{name} has ended")  # type: ignore[misc]


def test_a_child_notices_that_its_parent_is_gone(tmp_path: Path) -> None:
    child = "from processes.parent import watch_parent; import time; watch_parent(); time.sleep(600)"
    parent = f"""
import os, subprocess, sys, time

from tests.patience import until
env = {{**os.environ, "{PARENT_PID}": str(os.getpid())}}
process = subprocess.Popen([sys.executable, "-c", {child!r}], env=env)
open({str(tmp_path / "child.pids")!r}, "w").write(str(process.pid) + "\\n")
time.sleep(1.5)
print(process.poll(), flush=True)
os.kill(os.getpid(), 9)
"""
    with subprocess.Popen([sys.executable, "-c", parent], stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.read() == "None\n"  # it lived with its parent, and holds no pipe after it
    until(lambda: not alive(pids(tmp_path, "child")[0]), "it has ended")


def test_when_nobody_reads_the_log_any_more_everything_ends(tmp_path: Path, start: Start) -> None:
    supervisor = start("[sh('one', 'while echo tick; do sleep 0.05; done')], relay=True")
    assert supervisor.stdout is not None
    assert supervisor.stdout.readline() == "one | tick\n"
    supervisor.stdout.close()
    assert supervisor.wait(PATIENCE_S) == 0
    assert not alive(pids(tmp_path, "one")[0])
