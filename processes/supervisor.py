"""The supervisor: starts several processes of ours in order, starts them again when they die, and stops them
all.
"""

import contextlib
import selectors
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Sequence

import structlog

from processes.child import Child, Running, prefixes

__all__ = ["CannotRun", "Child", "Supervisor"]

REFUSED = 2  # the exit status of a process whose settings are wrong
SHORTEST_PAUSE, LONGEST_PAUSE = 0.5, 10.0  # seconds before a child is started again
HEALTHY_AFTER = 30.0  # seconds after which a child that dies is started again at once
LOOK_EVERY = 0.1  # seconds between looks at children that are not ready yet
SAME_PRESS = 0.5  # seconds in which one Ctrl-C may reach us twice: from the terminal and from make

log = structlog.get_logger()


class CannotRun(RuntimeError):
    """A child did not start, so nothing is run."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class Supervisor:
    """Runs `children` until a signal ends it.

    With `relay`, the children's output is printed line by line after their names; else it goes where ours
    goes. `grace`: seconds that each may take to end. With `forward_hangup`, SIGHUP is passed on; else it ends
    all.
    """

    def __init__(
        self,
        children: Sequence[Child],
        *,
        relay: bool = False,
        grace: float = 15.0,
        forward_hangup: bool = False,
        on_ready: Callable[[], None] = lambda: None,
        on_stop: Callable[[], None] = lambda: None,
    ) -> None:
        texts = prefixes([child.name for child in children]) if relay else [None] * len(children)
        self._children = [Running(child, text) for child, text in zip(children, texts, strict=True)]
        self._relay, self._grace, self._forward_hangup = relay, grace, forward_hangup
        self._on_ready, self._on_stop = on_ready, on_stop
        self._asked_at: float | None = None
        self._kill = False

    def run(self) -> int:
        """Run in the main thread until SIGTERM or Ctrl-C. Returns 0; 1: a child did not start; 2: a child
        refused.
        """
        with self._listening():
            status = 0
            try:
                self._start()
                if self._asked_at is None:
                    self._on_ready()
                while self._asked_at is None and any(one.process or one.due for one in self._children):
                    self._turn()
                self._on_stop()
            except CannotRun as error:
                print(f"\n{error}", file=sys.stderr, flush=True)  # noqa: T201  a person waits for it
                status = error.status
            finally:
                self._stop()
            return status

    def _start(self) -> None:
        for stage in sorted({one.child.start for one in self._children}):
            waiting = [one for one in self._children if one.child.start == stage]
            for one in waiting:
                self._spawn(one)
            while self._asked_at is None and (waiting := [one for one in waiting if not one.is_ready()]):
                self._turn(LOOK_EVERY)
                for one in waiting:
                    if time.monotonic() > one.ready_until:
                        raise CannotRun(
                            f"{one.child.name} did not get ready within {one.child.ready_within:g} s"
                            f" ({one.missing}).{one.last_lines()}",
                            status=1,
                        )

    def _stop(self) -> None:
        self._asked_at = self._asked_at or time.monotonic()
        for one in self._children:
            one.due = None
        for step in sorted({one.child.stop for one in self._children}):
            stopping = [one for one in self._children if one.child.stop == step]
            for one in stopping:
                one.send(signal.SIGTERM)
            until = time.monotonic() + self._grace
            while any(one.process for one in stopping) and time.monotonic() < until and not self._kill:
                self._turn(until - time.monotonic())
            for one in stopping:
                if one.process is not None:
                    self._tell(
                        one, "child_killed", why="asked twice" if self._kill else "it did not end in time"
                    )
                    one.kill()
            while any(one.process for one in stopping):
                self._turn(LOOK_EVERY)

    def _turn(self, longest: float = 60.0) -> None:
        """Sleep until a signal comes (a child that ends sends one), a child prints, or a restart is due."""
        now = time.monotonic()
        pauses = [one.due - now for one in self._children if one.due is not None]
        for key, _ in self._selector.select(max(0.0, min([longest, *pauses]))):
            if key.data is None:
                self._wakes.recv(4096)
            elif not key.data.relay():
                self._selector.unregister(key.fd)
        for one in self._children:
            if one.process is not None and one.process.poll() is not None:
                self._ended(one, one.process.returncode)
            if one.due is not None and one.due <= time.monotonic() and self._asked_at is None:
                self._spawn(one)

    def _spawn(self, one: Running) -> None:
        try:
            one.spawn()
        except OSError as error:
            if one.starts == 1:
                raise CannotRun(f"{one.child.name} cannot be run: {error}", status=1) from error
            self._tell(one, "child_not_started", why=str(error), tried_again=f"in {LONGEST_PAUSE:g} s")
            one.due = time.monotonic() + LONGEST_PAUSE
            return
        if one.process is not None and one.process.stdout is not None:
            self._selector.register(one.process.stdout, selectors.EVENT_READ, one)

    def _ended(self, one: Running, status: int) -> None:
        lived = time.monotonic() - one.since
        output = one.process.stdout if one.process is not None else None
        if output is not None and output in self._selector.get_map():
            self._selector.unregister(output)
        one.forget()
        if self._asked_at is not None:
            return
        if status == REFUSED and one.starts == 1 and lived < HEALTHY_AFTER:
            raise CannotRun(f"{one.child.name} refused to start.{one.last_lines()}", status=REFUSED)
        how = f"killed by {signal.Signals(-status).name}" if status < 0 else f"exit status {status}"
        if not one.child.restart:
            self._tell(one, "child_ended", how=how)
            return
        pause = 0.0 if lived >= HEALTHY_AFTER else one.pause
        self._tell(one, "child_ended", how=how, starts_again=f"in {pause:g} s" if pause else "at once")
        one.due = time.monotonic() + pause
        one.pause = min(max(pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)

    def _tell(self, one: Running, what: str, **details: str) -> None:
        if self._relay:
            said = ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in details.items())
            one.print(f"-- {what.removeprefix('child_')}: {said}")
        else:
            log.warning(what, child=one.child.name, **details)

    def _asked(self, *_: object) -> None:
        now = time.monotonic()
        self._asked_at = self._asked_at or now
        self._kill = self._kill or now - self._asked_at > SAME_PRESS

    def _hangup(self, *_: object) -> None:
        for one in self._children:
            one.send(signal.SIGHUP)

    @contextlib.contextmanager
    def _listening(self) -> Iterator[None]:
        # For each signal Python writes a byte to this socket, so select() returns at once.
        self._wakes, written = socket.socketpair()
        self._wakes.setblocking(False)
        written.setblocking(False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._wakes, selectors.EVENT_READ)
        old_wakeup = signal.set_wakeup_fd(written.fileno(), warn_on_full_buffer=False)
        handlers = {
            signal.SIGTERM: self._asked,
            signal.SIGINT: self._asked,
            signal.SIGHUP: self._hangup if self._forward_hangup else self._asked,
            signal.SIGCHLD: lambda *_: None,
        }
        if signal.getsignal(signal.SIGHUP) is signal.SIG_IGN:  # nohup asked for it
            del handlers[signal.SIGHUP]
        before = {number: signal.signal(number, handler) for number, handler in handlers.items()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(old_wakeup)
            self._selector.close()
            self._wakes.close()
            written.close()
