"""Runs the sandbox: `python -m sandbox`."""

import asyncio
import contextlib
import os
import signal
import socket
import sys
from collections.abc import Iterator
from types import FrameType

import structlog
import uvicorn

from sandbox import logs
from sandbox.api.protocol import Protocol
from sandbox.app import make_app
from sandbox.settings import BadSettings, Settings, load
from sandbox.webhooks import keys


class Server(uvicorn.Server):
    """uvicorn's server, but a signal to stop is an ordinary end: it is not raised again after the clean-up."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._stop)
        yield

    def _stop(self, number: int, _: FrameType | None) -> None:
        self.force_exit = self.should_exit and number == signal.SIGINT
        self.should_exit = True


def main() -> int:
    try:
        settings = load()
        if settings.sandbox_merchant_public_key_file is not None:
            keys.read_merchant_key(settings.sandbox_merchant_public_key_file)
        keys.load_or_make(settings.directory)
    except (BadSettings, OSError) as error:
        return _refuse(str(error))
    try:
        listening = socket.create_server(
            (settings.host, settings.sandbox_port),
            family=socket.AF_INET6 if ":" in settings.host else socket.AF_INET,
        )
    except OSError as error:
        where = f"{settings.host}:{settings.sandbox_port}"
        return _refuse(f"SANDBOX_PORT: cannot listen on {where}: {os.strerror(error.errno or 0)}")
    logs.configure(settings.log_format)
    config = uvicorn.Config(
        make_app(settings),
        loop="uvloop",
        http=Protocol,
        lifespan="on",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=3,
    )
    server = Server(config)
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(server, settings, listening))
    return 0 if server.started else 1


async def _serve(server: Server, settings: Settings, listening: socket.socket) -> None:
    watch = None
    if settings.pingpp_ingest_parent_pid is not None:
        watch = asyncio.create_task(_stop_without(settings.pingpp_ingest_parent_pid, server))
    log = structlog.get_logger()
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    log.info(
        "sandbox starts",
        address=f"http://{host}:{settings.sandbox_port}/sandbox/",
        webhooks_to=settings.webhook_url,
        checks_signatures=settings.sandbox_merchant_public_key_file is not None,
    )
    await server.serve(sockets=[listening])
    log.info("sandbox stopped")
    if watch is not None:
        watch.cancel()


async def _stop_without(parent: int, server: Server) -> None:
    """Stop when the supervisor `parent` is gone: one that was killed cannot stop its children itself."""
    while os.getppid() == parent:  # noqa: ASYNC110 - no event tells of it, so it is polled
        await asyncio.sleep(1)
    server.should_exit = True


def _refuse(why: str) -> int:
    sys.stderr.write(f"sandbox: {why}\n")
    return 2


if __name__ == "__main__":
    sys.exit(main())
