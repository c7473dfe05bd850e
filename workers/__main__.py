"""The `worker` process: at least one RQ worker for each due set, started again when it dies."""

import sys

import structlog

from payments.keys import DUE_SETS, EVENTS
from processes import log as logging
from processes.child import Child
from processes.parent import watch_parent
from processes.settings import load
from processes.supervisor import Supervisor
from workers.settings import WorkerSettings


def main() -> int:
    """Run the pool until SIGTERM."""
    settings = load(WorkerSettings)
    logging.configure("worker", settings.log_format, settings.log_level)
    watch_parent()
    counts = {due_set: settings.event_workers if due_set == EVENTS else 1 for due_set in DUE_SETS}
    children = [
        Child(name=f"worker/{due_set}/{number}", argv=[sys.executable, "-m", "workers.worker", due_set])
        for due_set, count in counts.items()
        for number in range(1, count + 1)
    ]
    structlog.get_logger().info("pool starting", **counts)
    return Supervisor(children, forward_hangup=True).run()


if __name__ == "__main__":
    raise SystemExit(main())
