"""The embedded Redis keeps what it acknowledged, and there is one for each DATA_DIR."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import redis

from processes.redis import address_file
from processes.redis_server import AlreadyRunning, CannotStart, Server, answers, binaries, find_binary, start
from tests.patience import PATIENCE_S, until

each_binary = pytest.mark.parametrize("binary", binaries(), ids=lambda binary: binary.name)


def client(server: Server) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True)


def run(data_dir: Path, **environment: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "processes.redis_server"],
        env={**os.environ, "DATA_DIR": str(data_dir), **environment},
        stderr=subprocess.PIPE,
        text=True,
    )


def test_there_is_a_server_to_test_with() -> None:
    assert binaries()


@each_binary
def test_what_was_acknowledged_survives_a_crash(tmp_path: Path, binary: Path) -> None:
    server = start(tmp_path, binary)
    with client(server) as one:
        one.set("webhook", "stored")
    server.kill()
    assert not answers(tmp_path)  # its socket and address are still there

    with start(tmp_path, binary) as server, client(server) as one:
        assert one.get("webhook") == "stored"
        assert answers(tmp_path)
    assert not address_file(tmp_path).exists()


@each_binary
def test_it_is_set_to_lose_nothing(tmp_path: Path, binary: Path) -> None:
    with start(tmp_path, binary) as server, client(server) as one:
        config = {**one.config_get("append*"), **one.config_get("maxmemory*"), **one.config_get("save")}
        assert config["appendonly"] == "yes"
        assert config["appendfsync"] == "always"
        assert config["maxmemory-policy"] == "noeviction"
        assert config["save"] == ""
        assert one.config_get("port") == {"port": "0"}
    assert (tmp_path / "redis").stat().st_mode & 0o777 == 0o700


@each_binary
def test_a_long_path_with_odd_characters_is_no_hindrance(tmp_path: Path, binary: Path) -> None:
    data_dir = tmp_path / "a long path, 数据" / ("x" * 80)
    server = start(data_dir, binary)
    socket = server.url
    server.kill()
    with start(data_dir, binary) as server, client(server) as one:
        assert one.ping()
        assert server.url == socket  # clients that reconnect after a crash find it again


def test_a_second_server_on_the_same_data_is_refused(tmp_path: Path) -> None:
    with start(tmp_path) as server:
        with pytest.raises(AlreadyRunning, match=str(server.pid)):
            start(tmp_path)
        second = run(tmp_path)
        _, said = second.communicate(timeout=PATIENCE_S)
        assert second.returncode == 2
        assert f"running on {tmp_path / 'redis'} already (pid {server.pid})" in said
        with client(server) as one:
            assert one.ping()


def test_the_process_ends_its_server_when_asked(tmp_path: Path) -> None:
    with run(tmp_path) as process:
        until(lambda: answers(tmp_path), "it answers")
        process.send_signal(signal.SIGTERM)
        process.wait(PATIENCE_S)
    assert process.returncode == 0
    assert not address_file(tmp_path).exists()
    assert not (tmp_path / "redis" / "redis.sock").exists()


def test_the_process_ends_with_its_server(tmp_path: Path) -> None:
    with run(tmp_path) as process:
        until(lambda: answers(tmp_path), "it answers")
        server = int((tmp_path / "redis" / "lock").read_text().split()[1])
        os.kill(server, signal.SIGKILL)
        process.wait(PATIENCE_S)
    assert process.returncode == 128 + signal.SIGKILL


def test_the_server_does_not_outlive_a_killed_process_and_a_new_one_takes_over(tmp_path: Path) -> None:
    with run(tmp_path) as process:
        until(lambda: answers(tmp_path), "it answers")
        process.kill()
    with start(tmp_path) as server, client(server) as one:
        assert one.ping()


def test_a_server_that_does_not_start_says_why(tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho this server is broken\nexit 7\n")
    broken.chmod(0o755)
    with pytest.raises(CannotStart, match=r"(?s)status 7.*this server is broken"):
        start(tmp_path / "data", broken)
    with start(tmp_path / "data") as server:  # and holds no lock
        assert server.pid


def test_the_server_to_run_can_be_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_SERVER", str(binaries()[-1]))
    assert find_binary() == binaries()[-1]
    monkeypatch.setenv("REDIS_SERVER", str(tmp_path / "none"))
    with pytest.raises(CannotStart, match="REDIS_SERVER"):
        find_binary()


def test_without_any_server_it_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("REDIS_SERVER", raising=False)
    monkeypatch.setattr("processes.redis_server._bundled", lambda: None)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(CannotStart, match="apt install redis-server"):
        find_binary()
    old = tmp_path / "redis-server"
    old.write_text("#!/bin/sh\necho Redis server v=6.0.16 sha=00000000:0 malloc=jemalloc bits=64\n")
    old.chmod(0o755)
    with pytest.raises(CannotStart, match="redis-server is too old"):
        find_binary()
