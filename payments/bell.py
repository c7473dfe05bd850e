"""Bells: the RQ jobs that wake a worker for a due set. The only file of the business that knows RQ.

A job carries nothing, so losing or doubling it is harmless. What must not be lost is in the due set.
"""

import os

import redis

from payments.scripts import script
from payments.store import Store

_ring = script(__file__, "ring")

BELL_MS = 5_000  # a bell that no worker heard may ring again after this
JOBS = {
    "events": "workers.jobs.apply_events",
    "asks": "workers.jobs.ask",
    "checks_now": "workers.jobs.check_now",
    "checks": "workers.jobs.check",
    "sweeps": "workers.jobs.sweep",
}
JOB_TIMEOUT = 120  # seconds; a drain ends well before
_WAITING = 8  # jobs on a queue are enough to wake all workers; while no worker runs, they must not pile up
_FAILED_TTL = 60  # seconds for which RQ keeps a job that failed


def use_prefix(key_prefix: str) -> None:
    """Put RQ's keys under `KEY_PREFIX` + `rq`. Call it before RQ is imported for the first time."""
    os.environ["RQ_KEY_PREFIX"] = f"{key_prefix}rq"


def enqueue(client: redis.Redis, due_set: str) -> None:
    """Put the job for a due set on its queue. Only the process that has just set the bell calls this."""
    from rq import Queue  # noqa: PLC0415  after `use_prefix`, and not in the receiver's start
    from rq.serializers import JSONSerializer  # noqa: PLC0415

    queue = Queue(due_set, connection=client, serializer=JSONSerializer)
    if queue.count >= _WAITING:
        return
    queue.enqueue(JOBS[due_set], job_timeout=JOB_TIMEOUT, result_ttl=0, failure_ttl=_FAILED_TTL)


def ring_if_due(store: Store, due_set: str) -> bool:
    """Ring for a due set that has something due, unless its bell rings already. Returns whether this call
    rang.
    """
    if not _ring(store.client, [store.keys.due(due_set), store.keys.bell(due_set)], [BELL_MS]):
        return False
    enqueue(store.client, due_set)
    return True
