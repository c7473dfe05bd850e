"""RQ as we run it, in this process: what a job may name, how often a worker beats, and how it is told to end."""

import os
import signal
import threading
from collections.abc import Iterator
from typing import Any

import pytest
import redis
from rq import Queue, SimpleWorker
from rq.callbacks import Callback
from rq.serializers import JSONSerializer

from payments import bell
from payments.keys import EVENTS
from payments.store import Store
from tests.conftest import charge_object, event_body, messages
from tests.workers.crash import KEYS, context_with
from workers import apply_events, jobs
from workers.rq_worker import OurJob, worker_on

LEAVE = "tests.workers.trace.leave"


@pytest.fixture(autouse=True)
def handlers() -> Iterator[None]:
    """A worker takes the signals of its process."""
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def enqueued(client: redis.Redis, name: str, **more: Any) -> OurJob:
    """A job as a worker of ours takes it from the queue."""
    job = Queue(EVENTS, connection=client, serializer=JSONSerializer).enqueue(name, **more)
    ours = OurJob.fetch(job.id, connection=client, serializer=JSONSerializer)
    assert isinstance(ours, OurJob)
    return ours


@pytest.mark.parametrize("name", bell.JOBS.values())
def test_a_function_of_ours_may_run(client: redis.Redis, name: str) -> None:
    assert enqueued(client, name).func is getattr(jobs, name.rpartition(".")[2])


@pytest.mark.parametrize("name", [LEAVE, "os.getpid", "workers.jobs.begin_sweeping"])
def test_no_other_may(client: redis.Redis, name: str) -> None:
    with pytest.raises(PermissionError):
        _ = enqueued(client, name).func


def test_what_its_hash_says_is_to_be_called_is_not(client: redis.Redis) -> None:
    called: Any = {
        "on_success": Callback(LEAVE),
        "on_failure": Callback(LEAVE),
        "on_stopped": Callback(LEAVE),
    }
    job = enqueued(client, bell.JOBS[EVENTS], **called)
    assert client.hget(job.key, "success_callback_name") == LEAVE.encode()
    assert (job.success_callback, job.failure_callback, job.stopped_callback) == (None, None, None)


def test_it_beats_at_most_once_a_second(client: redis.Redis, monkeypatch: pytest.MonkeyPatch) -> None:
    now, beats = [100.0], []
    monkeypatch.setattr("workers.rq_worker.monotonic", lambda: now[0])
    monkeypatch.setattr(SimpleWorker, "heartbeat", lambda *_: beats.append(now[0]))
    worker = worker_on(EVENTS, client, threading.Event())
    for now[0] in (100.0, 100.9, 101.0, 101.5, 102.1):
        worker.heartbeat()
    assert beats == [100.0, 101.0, 102.1]


def test_it_hears_a_ring_and_works_without_a_fork(client: redis.Redis) -> None:
    context = context_with(client)
    body = event_body(charge_object())
    client.set(KEYS.body("evt_1:ch_1"), body)
    client.zadd(KEYS.due(EVENTS), {"evt_1:ch_1": 1})
    assert bell.ring_if_due(Store(client, KEYS), EVENTS)
    jobs.work_with(context)  # known in this process alone
    worker_on(EVENTS, client, context.stopping).work(burst=True)
    assert [one["id"] for one in messages(client)] == ["paid:order00000001"]
    assert not context.stopping.is_set()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_ends_it_after_what_has_begun(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    context = context_with(client)
    drained: list[bool] = []

    def drain(_: object) -> int:
        os.kill(os.getpid(), number)
        drained.append(context.stopping.is_set())
        return 0

    monkeypatch.setattr(apply_events, "drain", drain)
    jobs.work_with(context)
    for _ in range(2):
        bell.enqueue(client, EVENTS)
    worker_on(EVENTS, client, context.stopping).work(burst=True)
    assert drained == [True]  # and the second job waits for another worker
    assert Queue(EVENTS, connection=client, serializer=JSONSerializer).count == 1
