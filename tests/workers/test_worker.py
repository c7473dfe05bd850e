"""The real RQ worker: rings are heard, and nothing runs but our own functions."""

import http.server
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, ClassVar

import pytest
import redis
from rq import Queue
from rq.callbacks import Callback
from rq.job import Job
from rq.serializers import JSONSerializer
from rq.webhook import Webhook

from payments import bell
from payments.keys import EVENTS, Keys
from payments.store import Store
from processes.redis_server import Server
from tests.conftest import charge_object, event_body
from tests.patience import PATIENCE_S
from tests.workers.trace import Trace

KEYS = Keys()


def environment(server: Server) -> dict[str, str]:
    return {**os.environ, "REDIS_URL": server.url, "PINGPP_API_KEY": "sk_live_x", "LOG_FORMAT": "json"}


@pytest.fixture
def trace(tmp_path: Path) -> Path:
    return tmp_path / "trace"


@pytest.fixture
def worker(server: Server, client: redis.Redis, trace: Path) -> Iterator[subprocess.Popen[bytes]]:
    assert client.ping()
    process = subprocess.Popen(
        [sys.executable, "-m", "workers.worker", EVENTS], env={**environment(server), "TRACE": str(trace)}
    )
    yield process
    process.send_signal(signal.SIGTERM)
    assert process.wait(PATIENCE_S) == 0


def eventually(holds: Callable[[], Any]) -> None:
    for _ in range(400):
        if holds():
            return
        time.sleep(0.025)
    raise AssertionError("it never came to that")


def has_status(job: Job, status: str) -> bool:
    return job.get_status(refresh=True) == status


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
        bell.ring_if_due(Store(client, KEYS), EVENTS)  # or it is at it still
        eventually(partial(told, client, number))
    eventually(lambda: client.keys("rq:job:*") == [])


def queue(client: redis.Redis) -> Queue:
    return Queue(EVENTS, connection=client, serializer=JSONSerializer)


class Listener(http.server.BaseHTTPRequestHandler):
    """Whoever calls here was told to by a job's hash."""

    called: ClassVar[list[str]] = []

    def do_GET(self) -> None:
        self.called.append(self.path)
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Not to the terminal."""


@pytest.mark.usefixtures("worker")
def test_no_other_function_runs_and_nobody_is_called_whoever_enqueues_it(
    client: redis.Redis, trace: Path
) -> None:
    leave = "tests.workers.trace.leave"
    callbacks: Any = {
        "on_success": Callback(leave),
        "on_failure": Callback(leave),
        "on_stopped": Callback(leave),
    }
    Listener.called.clear()
    with http.server.HTTPServer(("127.0.0.1", 0), Listener) as listener:
        threading.Thread(target=listener.serve_forever, daemon=True).start()
        url = f"http://127.0.0.1:{listener.server_port}/"
        hooks = [Webhook(url, "finished"), Webhook(url, "failed")]
        jobs = [
            queue(client).enqueue(leave, failure_ttl=60),
            queue(client).enqueue(leave, failure_ttl=60, webhooks=hooks, **callbacks),
            queue(client).enqueue(bell.JOBS[EVENTS], result_ttl=60, webhooks=hooks, **callbacks),
        ]
        for job, status in zip(jobs, ("failed", "failed", "finished"), strict=True):
            eventually(partial(has_status, job, status))
        listener.shutdown()
    assert not trace.exists()
    assert Listener.called == []
    fetched: Any = Job.fetch(jobs[0].id, connection=client, serializer=JSONSerializer)
    assert "PermissionError" in fetched.latest_result().exc_string


@pytest.mark.usefixtures("worker")
def test_a_pickled_job_is_not_unpickled(client: redis.Redis, trace: Path) -> None:
    Queue(EVENTS, connection=client).enqueue(bell.JOBS[EVENTS], Trace())
    eventually(lambda: client.llen("rq:queue:events") == 0)
    put(client, 1)
    bell.ring_if_due(Store(client, KEYS), EVENTS)
    eventually(lambda: client.xlen("fulfilment") == 1)
    assert not trace.exists()


def test_on_sighup_it_ends_so_that_the_pool_starts_it_with_new_secrets(
    server: Server, client: redis.Redis
) -> None:
    assert client.ping()
    process = subprocess.Popen([sys.executable, "-m", "workers.worker", EVENTS], env=environment(server))
    put(client, 1)
    bell.ring_if_due(Store(client, KEYS), EVENTS)
    eventually(lambda: client.xlen("fulfilment") == 1)
    process.send_signal(signal.SIGHUP)
    assert process.wait(PATIENCE_S) == 0


def test_a_wrong_setting_stops_the_start_and_is_named(server: Server) -> None:
    wrong = (
        {"PINGPP_API_KEY": "pk_x"},
        {"PINGPP_API_KEY": ""},
        {"PINGPP_API_BASE": "api.pingxx.com"},
        {"ORDER_KEY": "elsewhere"},
        {"PINGPP_PRIVATE_KEY_FILE": "/nowhere"},
    )
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "workers.worker", EVENTS],
            env={**environment(server), **one},
            stderr=subprocess.PIPE,
            text=True,
        )
        for one in wrong
    ]
    for (named,), process in zip(wrong, begun, strict=True):
        said = process.communicate(timeout=PATIENCE_S)[1]
        assert (process.returncode, named in said) == (2, True)
        assert "pk_x" not in said
