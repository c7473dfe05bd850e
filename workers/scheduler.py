"""The `scheduler` process: once a second it rings for each due set that has something due.

It decides nothing and remembers nothing, so two of them do no harm. Without one, work that was put off, or
whose bell was lost, is not worked on.
"""

import signal
import threading

import structlog
from redis.exceptions import RedisError

from payments import bell
from payments.keys import DUE_SETS, Keys
from payments.store import Store
from processes import log as logging
from processes import redis
from processes.parent import watch_parent
from processes.settings import load, refuse
from workers.settings import SchedulerSettings

EVERY_S = 1.0

log = structlog.get_logger()


def main() -> None:
    """Tick until SIGTERM."""
    settings = load(SchedulerSettings)
    logging.configure("scheduler", settings.log_format, settings.log_level)
    bell.use_prefix(settings.key_prefix)
    try:
        store = Store(redis.connect(settings), Keys(settings.key_prefix))
    except redis.RedisNotFound as error:
        refuse(str(error))
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # it has no secret to read again but Redis's address
    watch_parent()
    reachable: bool | None = None
    while True:
        try:
            tick(store)
            if not reachable:
                log.info("scheduler ready" if reachable is None else "redis is back")
            reachable = True
        except RedisError as error:
            if reachable is not False:  # once, not once a second
                log.warning("redis is unreachable", error=f"{type(error).__name__}: {error}")
            reachable = False
        if stop.wait(EVERY_S):
            return


def tick(store: Store) -> None:
    """Ring for each due set that has something due. Raises RedisError."""
    for due_set in DUE_SETS:
        if bell.ring_if_due(store, due_set):
            log.debug("rang", due_set=due_set)


if __name__ == "__main__":
    main()
