"""RQ's worker and job as we run them. Import it after `bell.use_prefix`, like RQ itself."""

import signal
import threading
from time import monotonic
from typing import Any

from rq import SimpleWorker
from rq.job import Job
from rq.serializers import JSONSerializer

from payments import bell

_HEARTBEAT_EVERY = 1.0  # seconds; RQ would beat four times a job, which costs as much as the job


class OurJob(Job):
    """Runs our own functions only: a client that can write to Redis cannot choose what a worker executes."""

    @property
    def func(self) -> Any:
        """The function of ours that the job names. Raises PermissionError for any other."""
        if self.func_name not in bell.JOBS.values():
            raise PermissionError("not one of our job functions: refused")
        return super().func

    # RQ would import these names from the job's hash without asking `func`.
    success_callback = failure_callback = stopped_callback = property(lambda _: None)

    def send_webhooks(self, *_: Any, **__: Any) -> None:
        """Do nothing: RQ would call addresses that stand in the job's hash, and ours has none."""


class OurWorker(SimpleWorker):
    """Works on one queue, in this process, until a signal asks it to end; then `stopping` is set."""

    max_connection_wait_time = 2.0  # seconds; Redis may be unreachable for an hour, so try often
    stopping: threading.Event
    _beat_at = 0.0

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Beat at most once a second."""
        now = monotonic()
        if now - self._beat_at >= _HEARTBEAT_EVERY:
            self._beat_at = now
            super().heartbeat(timeout, pipeline)

    def _install_signal_handlers(self) -> None:
        super()._install_signal_handlers()  # type: ignore[no-untyped-call]
        # Secrets are read at the start: the process ends, and the pool starts it again with the new ones.
        signal.signal(signal.SIGHUP, self.request_stop)

    def request_stop(self, signum: Any, frame: Any) -> None:
        """Finish what has begun, and begin no new batch."""
        self.stopping.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]


def worker_on(due_set: str, connection: Any, stopping: threading.Event) -> OurWorker:
    """The worker on the queue of a due set. Raises RedisError."""
    worker = OurWorker(
        [due_set],
        connection=connection,
        job_class=OurJob,
        serializer=JSONSerializer,
        log_job_description=False,
    )
    worker.stopping = stopping
    return worker
