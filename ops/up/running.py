"""Writes down what `up` runs, so that commands in a second terminal find it without settings."""

import contextlib
import fcntl
import json
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path


@dataclass(frozen=True)
class Up:
    """A running system."""

    pid: int
    started_at: str
    receiver_url: str
    sandbox_url: str | None
    ports: dict[str, int]


class UpAlready(RuntimeError):
    """Another `up` uses this DATA_DIR."""


def running(data_dir: Path) -> Up | None:
    """The system that `up` runs on `data_dir` now; None: none runs."""
    try:
        # The lock tells whether `up` lives. A pid does not: after a crash in a container, another process soon has it.
        with (data_dir / "up.lock").open("rb") as lock:
            if _take(lock.fileno(), fcntl.LOCK_SH):
                return None
        return Up(**json.loads((data_dir / "up.json").read_text(encoding="utf-8")))
    except (FileNotFoundError, ValueError, TypeError):
        return None


@contextlib.contextmanager
def only_one(data_dir: Path) -> Iterator[None]:
    """Lock `data_dir` for one `up`, and delete its description at the end. Raises UpAlready, OSError."""
    data_dir.mkdir(parents=True, exist_ok=True)
    with (data_dir / "up.lock").open("ab") as lock:
        until = time.monotonic() + 0.5
        while not _take(lock.fileno(), fcntl.LOCK_EX):
            if time.monotonic() > until:  # longer than `running` holds the lock to look
                other = running(data_dir)
                raise UpAlready(
                    f"The system is running already on {data_dir}"
                    + (f" (pid {other.pid}), its receiver at {other.receiver_url}." if other else ".")
                    + "\nStop it with Ctrl-C in its terminal, or start a second one elsewhere: "
                    "pingpp-ingest up --data-dir DIR --port N --sandbox-port M"
                )
            time.sleep(0.02)
        try:
            yield
        finally:
            (data_dir / "up.json").unlink(missing_ok=True)


def announce(data_dir: Path, up: Up) -> None:
    """Write down what runs. The caller holds `only_one`."""
    new = data_dir / "up.json.new"
    new.write_text(json.dumps(asdict(up), indent=2) + "\n", encoding="utf-8")
    new.replace(data_dir / "up.json")


def _take(lock: int, how: int) -> bool:
    try:
        fcntl.flock(lock, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
