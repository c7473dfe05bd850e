"""A child: one process that a supervisor runs; how it is started and ended, and what it prints."""

import collections
import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from processes.parent import PARENT_PID, end_with_parent

COLOURS = (36, 32, 33, 35, 34, 96, 92, 93)
LONGEST_LINE = 65_536


@dataclass(frozen=True)
class Child:
    """A process to run."""

    name: str
    argv: Sequence[str]
    #: added to our environment
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    #: start it again when it ends
    restart: bool = True
    #: says what is still missing, or None when the process works; must return within a second
    ready: Callable[[], str | None] | None = None
    #: seconds
    ready_within: float = 30.0
    #: children with the same number are started together, when all with lower numbers are ready
    start: int = 0
    #: children with the same number are stopped together, the lowest first
    stop: int = 0


class Running:
    """A child with its process; when that dies, the child gets a new one."""

    def __init__(self, child: Child, prefix: str | None) -> None:
        self.child = child
        self.process: subprocess.Popen[bytes] | None = None
        self.starts = 0
        self.since = 0.0
        self.ready_until = 0.0
        self.due: float | None = None  # when to start it again
        self.pause = 0.0  # seconds before the start after that
        self.missing = "it ended"
        self._prefix = prefix  # None: it prints by itself
        self._part = b""
        self._last: collections.deque[str] = collections.deque(maxlen=12)

    def spawn(self) -> None:
        """Start it. Raises OSError."""
        self.due = None
        self.starts += 1
        self.since = time.monotonic()
        if self.starts == 1:
            self.ready_until = self.since + self.child.ready_within
        output = None if self._prefix is None else subprocess.PIPE
        self.process = subprocess.Popen(
            self.child.argv,
            env={**os.environ, **self.child.env, PARENT_PID: str(os.getpid())},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=None if output is None else subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for the supervisor, which stops its children in order
            preexec_fn=end_with_parent(),  # noqa: PLW1509  it only makes two system calls
        )
        if self.process.stdout is not None:
            os.set_blocking(self.process.stdout.fileno(), False)

    def is_ready(self) -> bool:
        """Whether it works now; else `missing` says why not."""
        if self.process is None:
            self.missing = "it ended"
            return False
        self.missing = (self.child.ready() if self.child.ready else None) or ""
        return not self.missing

    def send(self, number: signal.Signals) -> None:
        """Send it a signal, if it runs."""
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End it at once, with all processes of its group."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    def forget(self) -> None:
        """Print the rest of what it printed, and forget its process, which has ended."""
        if self.process is not None and self.process.stdout is not None:
            self.relay(reads=16)  # not for ever: a process that it started may still print
            if self._part:
                self.print(self._part.decode("utf-8", "replace"))
            self.process.stdout.close()
        self._part = b""
        self.process = None

    def relay(self, reads: int = 1) -> bool:
        """Print what it has printed, with at most so many reads. False: it will print no more."""
        if self.process is None or self.process.stdout is None:
            return False
        for _ in range(reads):
            try:
                read = os.read(self.process.stdout.fileno(), LONGEST_LINE)
            except BlockingIOError:
                return True
            if not read:
                return False
            *lines, self._part = (self._part + read).split(b"\n")
            if len(self._part) > LONGEST_LINE:
                lines, self._part = [*lines, self._part], b""
            for line in lines:
                self.print(line.decode("utf-8", "replace").rstrip("\r"))
        return True

    def print(self, line: str) -> None:
        """Print a line from it, or about it."""
        self._last.append(line)
        say(f"{self._prefix} {line}")

    def last_lines(self) -> str:
        """The last lines that it printed, to end an error message with."""
        if not self._last:
            return ""
        return " Its last lines:\n" + "\n".join(f"  {line}" for line in self._last)


def prefixes(names: Sequence[str]) -> list[str]:
    """The prefixes of the children's lines: aligned, and coloured in a terminal."""
    width = max(len(name) for name in names)
    texts = [f"{name:<{width}} |" for name in names]
    if not sys.stdout.isatty():
        return texts
    return [f"\x1b[{COLOURS[place % len(COLOURS)]}m{text}\x1b[0m" for place, text in enumerate(texts)]


def say(text: str) -> None:
    """Print to the common log. When its reader is gone, end as after SIGTERM."""
    try:
        print(text, flush=True)  # noqa: T201
    except OSError:  # a pipe whose reader has ended, or a terminal that was closed
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115, PTH123
        os.kill(os.getpid(), signal.SIGTERM)
