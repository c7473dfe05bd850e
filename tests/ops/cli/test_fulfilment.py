"""`fulfilment tail` prints each message once, as it stands on the stream, through a restart of Redis too."""

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
from tests.conftest import charge_object, event_body, refund_object
from tests.ops.cli.conftest import System
from tests.patience import PATIENCE_S

IDLE = "--idle-exit 0.05"


def entries(system: System) -> list[bytes]:
    found: Any = system.client.xrange("fulfilment")
    return [fields[b"event"] for _, fields in found]


def test_from_start_prints_each_message_as_it_stands(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    system.apply(event_body(refund_object(1), "refund.succeeded"))
    answer = system.run(f"fulfilment tail --from-start {IDLE} --json")
    assert answer.status == 0
    assert answer.out.encode() == b"".join(entry + b"\n" for entry in entries(system))
    assert [json.loads(line)["type"] for line in answer.lines] == [
        "pingpp.payment.paid",
        "pingpp.payment.refunded",
    ]


def test_without_it_only_what_comes(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    answer = system.run(f"fulfilment tail {IDLE}")
    assert (answer.status, answer.out) == (0, "")


def test_an_empty_stream_ends_when_idle(system: System) -> None:
    began = time.monotonic()
    assert system.run("fulfilment tail --from-start --idle-exit 0.2").status == 0
    assert time.monotonic() - began >= 0.2


def test_for_people_it_is_one_short_line(system: System) -> None:
    system.apply(event_body(charge_object(1, amount=123456)))
    system.apply(event_body(charge_object(2, order_no="order00000001", amount=50)))
    system.apply(event_body(refund_object(1), "refund.succeeded"))
    thing = {"id": "sum_1", "object": "summary", "amount": 7, "currency": "jpy", "app": "app_x"}
    system.apply(event_body(thing, "summary.daily.available", number=9))
    system.client.xadd("fulfilment", {"event": "\x1b[31mnot ours"})
    answer = system.run(f"fulfilment tail --from-start {IDLE}")
    paid, again, refunded, passed, foreign = (line.split() for line in answer.lines)
    assert paid == [
        *("2023-11-14T22:14:20Z", "pingpp.payment.paid", "order00000001", "1,234.56", "CNY"),
        *(f"ch_{1:024d}", "#1"),
    ]
    assert again[1:5] == ["pingpp.payment.paid_again", "order00000001", "0.50", "CNY"]
    assert again[6:] == ["excess", "0.50", "CNY", "#2"]
    assert refunded[1:5] == ["pingpp.payment.refunded", "order00000001", "0.40", "CNY"]
    assert f"re_{1:024d}" in refunded
    assert passed[1:] == ["pingpp.event.summary.daily.available", f"evt_{9:024d}:sum_1", "7", "JPY"]
    assert foreign[1:4] == ["(not", "a", "message"]
    assert "xin***@126.com" not in answer.all
    assert "\x1b" not in answer.out


def test_a_wrong_time_is_refused(system: System) -> None:
    assert system.run("fulfilment tail --idle-exit -1").status == 2


def test_groups_say_how_far_each_has_read(system: System) -> None:
    assert system.run("fulfilment groups --json").json == []
    empty = system.run("fulfilment groups")
    assert (empty.status, empty.out) == (0, "")
    assert "XGROUP CREATE fulfilment" in empty.err
    system.apply(event_body(charge_object(1)), event_body(charge_object(2)))
    for name in ("shop", "stock"):
        system.client.xgroup_create("fulfilment", name, "0")
    system.client.xreadgroup("shop", "one", {"fulfilment": ">"}, count=1)
    shop, stock = system.run("fulfilment groups --json").json
    assert (shop["name"], shop["pending"], shop["lag"]) == ("shop", 1, 1)
    assert [one["name"] for one in shop["consumers"]] == ["one"]
    assert shop["last_delivered_at"].endswith("Z")
    assert (stock["pending"], stock["lag"], stock["consumers"]) == (0, 2, [])
    assert (stock["last_delivered_id"], stock["last_delivered_at"]) == ("0-0", None)
    table = system.run("fulfilment groups")
    assert table.lines[2].split()[:4] == ["shop", "1", "1", "1"]


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
        assert b"is away" in process.stderr.readline()
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
