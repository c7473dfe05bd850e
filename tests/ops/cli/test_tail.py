"""The tail follows the stream from where it began, through a restart of Redis too."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import redis

from processes import redis_server
from tests.conftest import charge_object, event_body
from tests.ops.cli.conftest import System
from tests.patience import PATIENCE_S

IDLE = "--idle-exit 0.05"


def test_without_it_only_what_comes(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    answer = system.run(f"fulfilment tail {IDLE}")
    assert (answer.status, answer.out) == (0, "")


def test_an_empty_stream_ends_when_idle(system: System) -> None:
    began = time.monotonic()
    assert system.run("fulfilment tail --from-start --idle-exit 0.2").status == 0
    assert time.monotonic() - began >= 0.2


@pytest.fixture
def tail(tmp_path: Path) -> Any:
    started: list[subprocess.Popen[bytes]] = []

    def start(*options: str) -> subprocess.Popen[bytes]:
        environment = {name: value for name, value in os.environ.items() if name != "REDIS_URL"}
        started.append(
            subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "fulfilment", "tail", *options],
                env=environment | {"DATA_DIR": str(tmp_path)},
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
        )
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.communicate()


def add(server: redis_server.Server, word: str) -> None:
    with redis.Redis.from_url(server.url) as client:
        client.xadd("fulfilment", {"event": json.dumps(word)})


def test_it_goes_on_where_it_was_when_redis_comes_back(tmp_path: Path, tail: Any) -> None:
    with redis_server.start(tmp_path) as server:
        add(server, "one")
        process = tail("--from-start", "--json", "--idle-exit", "1.5")
        assert process.stdout.readline() == b'"one"\n'
        server.kill()
        assert b"is unreachable" in process.stderr.readline()
    with redis_server.start(tmp_path) as server:
        assert b"going on after" in process.stderr.readline()
        add(server, "two")
        assert process.stdout.readline() == b'"two"\n'
        assert process.wait(PATIENCE_S) == 0
        assert process.stdout.read() == b""


def test_ctrl_c_ends_it_quietly(tmp_path: Path, tail: Any) -> None:
    with redis_server.start(tmp_path) as server:
        add(server, "one")
        process = tail("--from-start", "--json")
        assert process.stdout.readline() == b'"one"\n'
        process.send_signal(signal.SIGINT)
        assert process.wait(PATIENCE_S) == 0
        assert process.stderr.read() == b""
