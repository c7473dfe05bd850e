"""Starts a whole system for one command, with ports and data of its own, and stops it again."""

import contextlib
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import ops
from ops.settings import CommandSettings
from ops.up.running import running
from processes.parent import end_with_parent

START_S = 60.0
STOP_S = 30.0
# Settings of the user's own system, which must not reach this one.
_OURS = (
    "PINGPP_",
    "SANDBOX_",
    "REDIS_URL",
    "REDIS_WAIT_",
    "MERCHANT_",
    "KEY_PREFIX",
    "SERVE",
    "ORDER_KEY",
    "WORKERS",
)


class NotStarted(RuntimeError):
    """The system did not start. The text holds what it printed."""


@contextlib.contextmanager
def own_system(settings: CommandSettings) -> Iterator[CommandSettings]:
    """Settings that reach a system started for this, which stops afterwards. Raises NotStarted."""
    with tempfile.TemporaryDirectory(prefix="pingpp-ingest-", ignore_cleanup_errors=True) as made:
        data_dir = Path(made)
        port, sandbox_port = _free_ports(2)
        own = settings.model_copy(
            update={"data_dir": data_dir, "redis_url": None, "key_prefix": "", "sandbox_port": sandbox_port,
                    "host": "127.0.0.1"}
        )  # fmt: skip
        log = data_dir / "up.log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                [
                    *(sys.executable, "-m", "ops.cli", "up", "--data-dir", made),
                    *("--port", str(port), "--sandbox-port", str(sandbox_port)),
                ],
                env=_environment(),
                cwd=data_dir,  # away from the user's .env
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                preexec_fn=end_with_parent(),  # noqa: PLW1509  it only makes two system calls
            )
        try:
            _wait(process, data_dir, log)
            yield own
        finally:
            _stop(process)


def _wait(process: subprocess.Popen[bytes], data_dir: Path, log: Path) -> None:
    until = time.monotonic() + START_S
    while running(data_dir) is None:
        if process.poll() is not None or time.monotonic() > until:
            why = "ended" if process.poll() is not None else f"is not ready after {START_S:g} s"
            said = log.read_text(encoding="utf-8", errors="replace")[-4000:]
            raise NotStarted(f"The system that was started for this {why}. It said:\n{said}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _environment() -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_OURS)}
    root = str(Path(ops.__file__).parent.parent)
    path = [root, *filter(None, [kept.get("PYTHONPATH")])]
    return kept | {"PYTHONPATH": os.pathsep.join(path), "HOST": "127.0.0.1", "LOG_FORMAT": "json"}


def _free_ports(n: int) -> list[int]:
    with contextlib.ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(n)]
        return [one.getsockname()[1] for one in sockets]
