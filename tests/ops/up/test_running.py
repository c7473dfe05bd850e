"""What `up` writes down of itself, and what a second terminal makes of it."""

from pathlib import Path

import pytest

from ops.up.running import Up, UpAlready, announce, only_one, running

UP = Up(12, "2026-01-01T00:00:00+00:00", "http://127.0.0.1:8080", None, {"receiver": 8080})


def test_a_second_terminal_finds_what_runs(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    with only_one(tmp_path):
        assert running(tmp_path) is None  # it is starting
        announce(tmp_path, UP)
        assert running(tmp_path) == UP
        with pytest.raises(UpAlready, match="pid 12"), only_one(tmp_path):
            pass
        assert running(tmp_path) == UP
    assert running(tmp_path) is None
    assert not (tmp_path / "up.json").exists()


def test_what_a_crash_leaves_behind_runs_nothing(tmp_path: Path) -> None:
    with only_one(tmp_path):
        pass
    announce(tmp_path, UP)
    assert running(tmp_path) is None
