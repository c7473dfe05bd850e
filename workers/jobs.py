"""The functions that RQ runs. Their names stand in Redis (`payments/bell.py`), so a rename is a migration.

A job carries nothing: it is a bell. What it works on is in the due set of the same name as its queue.
"""

from payments.keys import CHECKS, CHECKS_NOW
from workers import apply_events as apply_events_
from workers import ask as ask_
from workers import check as check_
from workers import sweep as sweep_
from workers.context import Context

_context: Context | None = None


def work_with(context: Context) -> None:
    """Set what the jobs of this process work with, once at its start."""
    global _context  # noqa: PLW0603  RQ calls plain functions by name, without arguments
    _context = context


def apply_events() -> int:
    """Apply the events that came in."""
    return apply_events_.drain(_in_hand())


def ask() -> int:
    """Ask Ping++ about odd events."""
    return ask_.drain(_in_hand())


def check_now() -> int:
    """Check what is not settled yet and for which a shopper waits."""
    return check_.drain(_in_hand(), CHECKS_NOW)


def check() -> int:
    """Check what is not settled yet."""
    return check_.drain(_in_hand(), CHECKS)


def sweep() -> int:
    """Compare the books with what Ping++ lists."""
    return sweep_.drain(_in_hand())


def begin_sweeping() -> None:
    """Make the repeated sweeps due, where they are not yet. Not a job: it is called at a worker's start."""
    sweep_.seed(_in_hand())


def _in_hand() -> Context:
    if _context is None:
        raise RuntimeError("this process was not started as a worker of ours (python -m workers.worker)")
    return _context
