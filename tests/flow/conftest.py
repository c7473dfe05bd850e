"""A running system for each test that asks for one."""

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.kit import ALL, System, running


@pytest.fixture
def system(tmp_path: Path) -> Iterator[System]:
    """All processes, working; when the test has ended, none is left."""
    if sys.platform != "linux":
        pytest.skip("processes are looked up in /proc")
    with running(tmp_path, *ALL) as started:
        yield started
