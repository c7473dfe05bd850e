"""Where servers of tests keep their data: thousands of fsyncs of a disk are most of what tests would wait for."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

_MEMORY = Path("/dev/shm")  # noqa: S108  directories of our own are made in it
_ROOM = 1 << 30  # in a container it may be small


@contextmanager
def in_memory() -> Iterator[Path]:
    """A directory for the while, on a disk in memory where there is room on one."""
    fits = os.access(_MEMORY, os.W_OK) and shutil.disk_usage(_MEMORY).free >= _ROOM
    with tempfile.TemporaryDirectory(dir=_MEMORY if fits else None) as directory:
        yield Path(directory)
