"""A command where nothing runs starts a system for itself, and leaves nothing behind."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE_S, until

OURS = ("REDIS_URL", "PINGPP_", "KEY_PREFIX")


def start(tmp_path: Path) -> subprocess.Popen[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(OURS)}
    (tmp_path / "made").mkdir()
    # What is set for the user's own system must not disturb this one.
    environment |= {
        "DATA_DIR": str(tmp_path / "none"),
        "TMPDIR": str(tmp_path / "made"),
        "PINGPP_APP_IDS": "app_x",
    }
    return subprocess.Popen(
        [sys.executable, "-m", "ops.cli", "smoke", "--json"],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def processes_of(directory: Path) -> list[str]:
    """What still runs with that directory in its environment."""
    found = []
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            if str(directory).encode() in path.read_bytes():
                found.append(path.with_name("cmdline").read_text())
        except OSError:
            continue  # ended meanwhile
    return found


def test_it_brings_a_system_of_its_own(tmp_path: Path) -> None:
    out, err = start(tmp_path).communicate(timeout=PATIENCE_S)
    document = json.loads(out)
    assert document["ok"], err
    assert document["own_system"]
    assert [one["step"] for one in document["steps"]] == ["sandbox", "webhook", "message", "books"]
    assert list((tmp_path / "made").iterdir()) == []
    assert not (tmp_path / "none").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="looks for processes in /proc")
def test_killed_it_leaves_no_process(tmp_path: Path) -> None:
    process = start(tmp_path)
    until(lambda: list((tmp_path / "made").glob("*/redis/url")), "its Redis answers")
    process.send_signal(signal.SIGKILL)
    process.communicate()
    until(lambda: not processes_of(tmp_path / "made"), "all have ended")
