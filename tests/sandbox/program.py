"""The sandbox as a program of its own, and a shop on a real port that takes its webhooks."""

import contextlib
import http.server
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from tests.patience import PATIENCE_S, until
from tests.ports import free_port

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Shop:
    """A receiver that says `status`."""

    port: int = 0
    status: int = 500
    got: list[tuple[bytes, str]] = field(default_factory=list)


@contextlib.contextmanager
def open_shop() -> Iterator[Shop]:
    shop = Shop()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            shop.got.append((body, self.headers["X-Pingplusplus-Signature"]))
            self.send_response(shop.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        shop.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield shop
        server.shutdown()


@dataclass(frozen=True)
class Program:
    process: subprocess.Popen[bytes]
    url: str

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=PATIENCE_S)
        return self.process.returncode, log.decode()


@contextlib.contextmanager
def starting(directory: Path, shop: Shop) -> Iterator[Callable[..., Program]]:
    """Starts programs on one port and one directory, and ends what is left of them."""
    port = free_port()
    running: list[subprocess.Popen[bytes]] = []

    def begin(*, ready: bool = True, stderr: int = subprocess.PIPE, **environment: str) -> Program:
        own = {"DATA_DIR": str(directory), "SANDBOX_PORT": str(port), "PORT": str(shop.port)}
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **own, **environment},
            cwd=directory,
            stderr=stderr,
        )
        running.append(process)
        program = Program(process, f"http://127.0.0.1:{port}")
        if ready:
            until(lambda: answers(program))
        return program

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answers(program: Program) -> bool:
    assert program.process.poll() is None, "the sandbox ended"
    try:
        return httpx.get(f"{program.url}/sandbox/healthz").status_code == 200
    except httpx.TransportError:
        return False
