"""Looks up processes in /proc: who started whom, and with what."""

from pathlib import Path


def pids() -> list[int]:
    """All processes that have not ended."""
    found = (int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())
    return [pid for pid in found if _stat(pid)[:1] not in ([], ["Z"])]


def children(parent: int) -> list[int]:
    """The pids of those that a process started and that have not ended."""
    return [pid for pid in pids() if _stat(pid)[1:2] == [str(parent)]]


def command(pid: int) -> list[str]:
    """The words of its command line."""
    return read(pid, "cmdline").decode().split("\0")[:-1]


def _stat(pid: int) -> list[str]:
    # What stands before the last bracket is a name, which may hold anything.
    return read(pid, "stat").rpartition(b")")[2].decode().split()


def read(pid: int, name: str) -> bytes:
    """One of the files about a process; empty if it has ended, or is another user's."""
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""
