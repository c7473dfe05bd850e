"""The real RQ worker: rings are heard, and nothing runs but our own functions."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis
from rq import Queue
from rq.callbacks import Callback
from rq.job import Job
from rq.serializers import JSONSerializer

from payments import bell
from payments.keys import EVENTS, Keys
from processes.redis_server import Server
from tests.conftest import charge_object, event_body

KEYS = Keys()


def environment(server: Server) -> dict[str, str]:
    return {**os.environ, "REDIS_URL": server.url, "PINGPP_API_KEY": "sk_live_x", "LOG_FORMAT": "json"}


@pytest.fixture
def worker(server: Server, client: redis.Redis) -> Iterator[subprocess.Popen[bytes]]:
    assert client.ping()
    process = subprocess.Popen([sys.executable, "-m", "workers.worker", EVENTS], env=environment(server))
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0


def eventually(holds: Callable[[], Any]) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.025)
    raise AssertionError("it never came to that")


def told(client: redis.Redis, so_many: int) -> bool:
    return bool(client.xlen("fulfilment") == so_many)


def put(client: redis.Redis, number: int) -> None:
    body = event_body(charge_object(number))
    member = f"evt_{number:024d}:ch_{number:024d}"
    client.set(KEYS.body(member), body)
    client.zadd(KEYS.due(EVENTS), {member: 1})


@pytest.mark.usefixtures("worker")
def test_a_ring_is_heard_and_what_is_due_is_done(client: redis.Redis) -> None:
    for number in (1, 2, 3):
        put(client, number)
        bell.ring_if_due(client, KEYS, EVENTS)  # or it is at it still
        eventually(partial(told, client, number))
    eventually(lambda: client.keys("rq:job:*") == [])


def queue(client: redis.Redis) -> Queue:
    return Queue(EVENTS, connection=client, serializer=JSONSerializer)


@pytest.mark.usefixtures("worker")
def test_no_other_function_runs_whoever_enqueues_it(client: redis.Redis, tmp_path: Path) -> None:
    traces = [tmp_path / name for name in ("function", "success", "failure")]
    forbidden = queue(client).enqueue("os.mkdir", str(traces[0]))
    called_back = [
        queue(client).enqueue(
            bell.JOBS[EVENTS], on_success=Callback("os.mkdir"), on_failure=Callback("os.mkdir"), result_ttl=60
        ),
        queue(client).enqueue("os.mkdir", str(traces[1]), on_failure=Callback("os.mkdir"), failure_ttl=60),
    ]
    eventually(lambda: forbidden.get_status(refresh=True) == "failed")
    eventually(lambda: called_back[0].get_status(refresh=True) == "finished")
    eventually(lambda: called_back[1].get_status(refresh=True) == "failed")
    assert not any(path.exists() for path in traces)
    fetched: Any = Job.fetch(forbidden.id, connection=client, serializer=JSONSerializer)
    assert "PermissionError" in fetched.latest_result().exc_string


@pytest.mark.usefixtures("worker")
def test_a_pickled_job_is_not_unpickled(client: redis.Redis) -> None:
    job = Queue(EVENTS, connection=client).enqueue("os.getpid")
    eventually(lambda: client.llen("rq:queue:events") == 0)
    put(client, 1)
    bell.ring_if_due(client, KEYS, EVENTS)
    eventually(lambda: client.xlen("fulfilment") == 1)
    assert job.get_status(refresh=True) != "finished"


def test_a_wrong_setting_stops_the_start_and_is_named(server: Server) -> None:
    for wrong, named in (
        ({"PINGPP_API_KEY": "pk_x"}, "PINGPP_API_KEY"),
        ({"PINGPP_API_KEY": ""}, "PINGPP_API_KEY"),
        ({"PINGPP_API_BASE": "api.pingxx.com"}, "PINGPP_API_BASE"),
        ({"ORDER_KEY": "elsewhere"}, "ORDER_KEY"),
        ({"PINGPP_PRIVATE_KEY_FILE": "/nowhere"}, "PINGPP_PRIVATE_KEY_FILE"),
    ):
        ended = subprocess.run(
            [sys.executable, "-m", "workers.worker", EVENTS],
            env={**environment(server), **wrong},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert (ended.returncode, named in ended.stderr) == (2, True)
        assert "pk_x" not in ended.stderr
