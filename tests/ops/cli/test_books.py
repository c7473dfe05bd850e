"""A command that cannot reach Redis says so in plain words, and never with a password."""

from pathlib import Path

import pytest
import redis
from typer.testing import CliRunner

from ops.cli.__main__ import app
from processes import redis_server
from tests.ops.cli.conftest import System
from tests.ports import free_port

COMMANDS = (
    "dead-letters list",
    "dead-letters show dl_1",
    "events list",
    "events replay evt_1",
    "payments list --json",
    "payments show 1",
    "fulfilment tail",
    "fulfilment groups --json",
)


def run(line: str, **environment: str) -> tuple[int, str, str]:
    result = CliRunner().invoke(app, line.split(), env=environment)
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result.exit_code, result.stdout, result.stderr


@pytest.fixture(autouse=True)
def nothing_set(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("REDIS_URL", "DATA_DIR", "KEY_PREFIX"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def nobody() -> int:
    """A port where nobody listens."""
    return free_port()


@pytest.mark.parametrize("line", COMMANDS)
def test_nothing_was_started(line: str) -> None:
    status, out, err = run(line)
    assert (status, out) == (2, "")
    assert "make run" in err
    assert "Traceback" not in err


@pytest.mark.parametrize("line", COMMANDS)
def test_nobody_answers(line: str, nobody: int) -> None:
    status, out, err = run(line, REDIS_URL=f"redis://user:hunter2@127.0.0.1:{nobody}/0")
    assert (status, out) == (2, "")
    assert f"redis://127.0.0.1:{nobody}/0 does not answer" in err
    assert "hunter2" not in err


@pytest.mark.parametrize("line", ["events list", "fulfilment tail"])
def test_what_is_no_address_is_not_repeated(line: str) -> None:
    status, out, err = run(line, REDIS_URL="http://user:hunter2@x:y")
    assert (status, out) == (2, "")
    assert "REDIS_URL: not an address" in err
    assert "hunter2" not in err


def test_a_wrong_setting_is_named() -> None:
    status, _, err = run("events list", KEY_PREFIX="a b")
    assert status == 2
    assert "KEY_PREFIX" in err


def test_what_redis_refuses_is_said(tmp_path: Path) -> None:
    with redis_server.start(tmp_path) as server, redis.Redis.from_url(server.url) as client:
        client.set("dead_letters", "no sorted set")
        status, out, err = run("dead-letters list", DATA_DIR=str(tmp_path))
    assert (status, out) == (1, "")
    assert "refuses: WRONGTYPE" in err


def test_data_dir_can_be_an_option(system: System) -> None:
    assert run(f"events list --json --data-dir {system.data_dir}")[0] == 0


def test_a_prefix_is_kept(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEY_PREFIX", "{shop}:")
    system.client.rpush("{shop}:recent_events", "evt_1:")
    assert system.run("events list --json").json[0]["event_id"] == "evt_1"
    system.client.hset("{shop}:event:evt_1:", mapping={"received": 1, "seen": 2, "digest": "x"})
    assert system.run("events show evt_1 --json").json["members"][0]["seen"] == 2
