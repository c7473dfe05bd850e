"""The stage of one measurement: a Redis, and whatever processes it needs, all stopped at its end."""

import contextlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, Self

import msgspec
import redis

from processes import redis_server
from processes.parent import PARENT_PID, end_with_parent
from tests.bench import machine
from tests.bench.corpus import Corpus
from tests.bench.load import Order
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
_KEPT = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TMPDIR",
    "LD_LIBRARY_PATH",
)  # nobody's .env or REDIS_URL may matter
_READY_WITHIN = 30.0
_STOP_WITHIN = 20.0


class Broken(RuntimeError):
    """A process did not start, or ended too early."""


class Stage:
    """A Redis as `up` runs it (AOF, `appendfsync always`) in a directory of its own, and processes around it."""

    def __init__(self, corpus: Corpus) -> None:
        self._corpus = corpus
        self._held = contextlib.ExitStack()
        self._processes: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        self.directory = Path(self._held.enter_context(tempfile.TemporaryDirectory(prefix="pingpp-bench-")))
        self.redis_url = self._held.enter_context(redis_server.start(self.directory)).url
        self.client = redis.Redis.from_url(self.redis_url)
        self._held.callback(self.client.close)
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._processes.values():
            process.send_signal(signal.SIGTERM)
        for process in self._processes.values():
            try:
                process.wait(_STOP_WITHIN)
            except subprocess.TimeoutExpired:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._held.close()

    def start(self, name: str, module: str, *arguments: str, port: int | None = None, **env: str) -> None:
        """Start `python -m module`; with `port`, return when somebody listens there. It logs to a file, as JSON."""
        with (self.directory / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                [sys.executable, "-m", module, *arguments],
                cwd=self.directory,
                env=self._environment() | env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                preexec_fn=end_with_parent(),  # noqa: PLW1509  it only makes two system calls
            )
        until = time.monotonic() + _READY_WITHIN
        while port is not None and not _listens(port):
            if self._processes[name].poll() is not None or time.monotonic() > until:
                raise Broken(f"{name} did not start:\n{(self.directory / f'{name}.log').read_text()[-2000:]}")
            time.sleep(0.02)

    def start_receiver(self) -> int:
        """Our receiver, one process. Returns its port."""
        port = free_port()
        self.start(
            "receiver",
            "ingest",
            port=port,
            PORT=str(port),
            PINGPP_PUBLIC_KEY_FILES=str(self._corpus.public_key),
        )
        return port

    def start_workers(self) -> None:
        """Our worker pool as it is by default, and the scheduler."""
        self.start("worker", "workers", PINGPP_API_KEY="sk_live_bench", PINGPP_API_BASE="http://127.0.0.1:9")
        self.start("scheduler", "workers.scheduler")

    def start_baseline(self, verifies: bool) -> int:
        """A bare endpoint. Returns its port."""
        port = free_port()
        key = (str(self._corpus.public_key),) if verifies else ()
        name = "verifying" if verifies else "bare"
        self.start(name, "tests.bench.bare", str(port), *key, port=port)
        return port

    def start_textbook(self, workers: int = 0) -> int:
        """The textbook design with so many workers. Returns its port."""
        port, module = free_port(), "tests.bench.textbook"
        key = str(self._corpus.public_key)
        self.start("textbook", module, "serve", self.redis_url, str(port), key, port=port)
        for number in range(workers):
            self.start(f"textbook worker {number + 1}", module, "work", self.redis_url)
        return port

    def load(self, port: int, first: int, count: int, **more: Any) -> dict[str, Any]:
        """Have the load process carry out an order. Returns its result."""
        order = Order(port, str(self._corpus.requests), first, count, redis_url=self.redis_url, **more)
        done = subprocess.run(
            [sys.executable, "-m", "tests.bench.load"],
            env=self._environment(),
            input=msgspec.json.encode(order),
            stdout=subprocess.PIPE,
            check=True,
        )
        result: dict[str, Any] = msgspec.json.decode(done.stdout)
        if result["others"] or not result["accepted"]:
            raise Broken(
                f"not every request was accepted: {result['accepted']} were; others: {result['others']}"
            )
        return result

    def spent(self) -> dict[str, float]:
        """Processor time so far of each process and of Redis, in seconds, where it can be known."""
        found = {name: machine.seconds(process.pid) for name, process in self._processes.items()}
        known = {name: value for name, value in found.items() if value is not None}
        return {**known, "redis": machine.redis_seconds(self.client)}

    def _environment(self) -> dict[str, str]:
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        ours = {
            "PYTHONPATH": str(ROOT),
            "REDIS_URL": self.redis_url,
            "DATA_DIR": str(self.directory),
            "LOG_FORMAT": "json",
            PARENT_PID: str(os.getpid()),
        }
        return kept | ours


def _listens(port: int) -> bool:
    with socket.socket() as one:
        return one.connect_ex(("127.0.0.1", port)) == 0
