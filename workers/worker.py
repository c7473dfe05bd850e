"""One RQ worker on one queue: `python -m workers.worker events`. The `worker` process starts several.

It has exactly one queue: RQ takes jobs from one queue with BLMOVE, but from several with BLPOP, which can
lose a job. It does not fork for each job, because a fork costs more than a whole batch.
"""

import sys
import threading
from dataclasses import replace
from typing import Any

import structlog
from redis.exceptions import RedisError

from payments import bell
from payments.books.next_check import Schedule
from payments.keys import CHECKS_NOW, DUE_SETS, SWEEPS, Keys
from payments.pingpp.gateway import Gateway, from_files
from payments.pingpp.pace import Pace
from payments.pingpp.signature import UnreadableKey
from payments.reconciliation import marks
from payments.reconciliation.reports import DISCOVER, RECONCILE
from payments.store import Store
from processes import log as logging
from processes import redis
from processes.garbage import look_seldom
from processes.parent import watch_parent
from processes.settings import load, refuse
from workers import jobs
from workers.context import Context
from workers.settings import WorkerSettings

log = structlog.get_logger()


def context_of(settings: WorkerSettings, due_set: str) -> Context:
    """What the jobs of one due set work with, from the settings. Raises UnreadableKey and RedisNotFound."""
    base, key = settings.pingpp_api_base, settings.api_key
    calls = from_files(base, key, settings.pingpp_private_key_file)
    store, stopping = Store(redis.connect(settings), Keys(settings.key_prefix)), threading.Event()

    def gateway() -> Gateway:
        """One for each drain, as each has an event loop of its own. It tries once: work that fails stays in
        its due set, and is tried again when it is due.
        """
        urgent = due_set == CHECKS_NOW
        pace = Pace(store, settings.gateway_rate, urgent=urgent, stopping=stopping)
        return replace(calls, pace=pace, tries=1)

    return Context(
        store=store,
        livemode=settings.livemode,
        apps=frozenset(settings.pingpp_app_ids),
        order_key=settings.order_key,
        keep_bodies_s=settings.keep_bodies_s,
        sweep_every={DISCOVER: settings.discover_every, RECONCILE: settings.reconcile_every},
        adopt=settings.sweep_adopts,
        schedule=Schedule(settings.fallback_after, settings.check_gaps),
        gateway=gateway,
        stopping=stopping,
    )


def main(due_set: str) -> None:
    """Work on the due set `due_set` until SIGTERM, finishing what has begun."""
    settings = load(WorkerSettings)
    logging.configure(f"worker/{due_set}", settings.log_format, settings.log_level)
    if due_set not in DUE_SETS:
        refuse(f"`{due_set}` is no due set; there are: {', '.join(DUE_SETS)}.")
    try:
        context = context_of(settings, due_set)
    except UnreadableKey as error:
        refuse(f"PINGPP_PRIVATE_KEY_FILE: {error}. It is the merchant's own RSA key, unencrypted PEM.")
    except redis.RedisNotFound as error:
        refuse(str(error))
    bell.use_prefix(settings.key_prefix)
    watch_parent()
    run(context, due_set, redis.connect(settings))


def run(context: Context, due_set: str, connection: Any) -> None:
    """The RQ worker itself, on a connection of its own: RQ blocks on it."""
    from workers.rq_worker import worker_on  # noqa: PLC0415  it imports RQ: after `use_prefix`

    jobs.work_with(context)
    try:
        worker = worker_on(due_set, connection, context.stopping)
        connection.ping()
    except RedisError as error:
        log.warning("redis is unreachable", error=f"{type(error).__name__}: {error}")
        raise SystemExit(1) from None
    marks.note_start(context.store)
    if due_set == SWEEPS:
        jobs.begin_sweeping()
    look_seldom(after=100_000)  # a batch makes many thousand dicts, and no cycles
    log.info("worker ready", queue=due_set, livemode=context.livemode)
    try:
        worker.work(logging_level="WARNING")
    except RedisError as error:  # at its end RQ writes to Redis, which is unreachable
        log.warning("redis is unreachable", error=f"{type(error).__name__}: {error}")
        raise SystemExit(1) from None


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) > 1 else "")
