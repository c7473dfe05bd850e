"""Ties a process to its parent: a child ends when the process that started it is gone.

A supervisor that is killed by SIGKILL cannot stop its children. On Linux the kernel sends them a signal;
elsewhere they look once a second.
"""

import ctypes
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

PARENT_PID = "PINGPP_INGEST_PARENT_PID"
KILL_AFTER = 20.0  # seconds after SIGTERM

_PR_SET_PDEATHSIG = 1
# Loaded here and not in the child, because between fork and exec nothing may take a lock.
_libc = ctypes.CDLL(None, use_errno=True) if sys.platform == "linux" else None


def end_with_parent() -> Callable[[], None] | None:
    """The `preexec_fn` for Popen with which a child gets SIGTERM when its parent dies.

    For the kernel the parent is the *thread* that starts the child. So start children in a thread that lives
    as long as they should; the main thread is best.
    """
    if _libc is None:
        return None
    libc, parent = _libc, os.getpid()

    def in_child() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # it died before we asked
            os._exit(1)

    return in_child


def alive(pid: int) -> bool:
    """Whether a process with this id runs. A zombie, which has ended and was not waited for, does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        status = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return sys.platform != "linux"
    return status.rpartition(b")")[2].split()[0] != b"Z"


def watch_parent() -> threading.Thread | None:
    """If a supervisor started us, end with SIGTERM when it is gone, and with SIGKILL if that takes too long."""
    parent = os.environ.get(PARENT_PID, "")
    if not parent.isdigit():
        return None
    pid = int(parent)
    if os.getppid() != pid and alive(pid):
        return None  # the variable was inherited: it names the parent of one of our ancestors
    thread = threading.Thread(target=_watch, args=(pid,), name="watch-parent", daemon=True)
    thread.start()
    return thread


def _watch(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(1.0)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(KILL_AFTER)
    os.kill(os.getpid(), signal.SIGKILL)
