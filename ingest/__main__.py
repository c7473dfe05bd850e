"""Runs the receiver: `python -m ingest`."""

import signal
import sys
from types import FrameType
from typing import Any

import structlog
import uvicorn

from ingest.app import make_app
from ingest.health import check_at_start, refusals
from ingest.settings import ReceiverSettings
from payments import bell
from payments.pingpp.signature import UnreadableKey
from processes import log as logging
from processes.garbage import look_seldom
from processes.parent import watch_parent
from processes.redis import RedisNotFound, connect
from processes.settings import load, refuse

log = structlog.get_logger()

# How uvicorn serves the app; the benchmark serves its baselines with the same options.
SERVING: dict[str, Any] = {
    "loop": "uvloop",
    "http": "httptools",
    "ws": "none",
    "access_log": False,
    "log_config": None,
    "log_level": "warning",
    "server_header": False,
    "proxy_headers": False,
    "timeout_graceful_shutdown": 10,  # seconds to finish requests that have begun
}


class _Server(uvicorn.Server):
    """uvicorn's server; before it waits for its requests, it ends those that only wait for a payment."""

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        app: Any = self.config.app
        app.leave()
        super().handle_exit(sig, frame)


def main() -> int:
    """Serve until SIGTERM, finish requests that have begun, and return the exit status."""
    settings = load(ReceiverSettings)
    logging.configure("receiver", settings.log_format, settings.log_level)
    bell.use_prefix(settings.key_prefix)
    watch_parent()
    try:
        app = make_app(settings)
    except UnreadableKey as error:
        refuse(
            f"PINGPP_PUBLIC_KEY_FILES: {error}. It names files with Ping++'s RSA public key, as its dashboard shows it."
        )
    except RedisNotFound as error:
        refuse(str(error))
    server = _Server(uvicorn.Config(app, host=settings.host, port=settings.port, **SERVING))
    found = check_at_start(connect(settings), settings.key_prefix)
    for one in found:
        log.warning("redis", finding=one.code, level_of_finding=one.level, explanation=one.message)
    if refusals(found):  # rather no start than 500 for every webhook
        refuse("\n".join(one.message for one in refusals(found)))
    log.info("receiver starting", address=f"http://{settings.host}:{settings.port}")

    def stop(*_: object) -> None:
        server.should_exit = True

    # uvicorn raises a signal again once it has shut down, for the handlers that were there before. Without one
    # of ours, an end on request would look like a failure.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
    look_seldom(after=20_000)
    server.run()
    return 0 if server.started else 1


if __name__ == "__main__":
    sys.exit(main())
