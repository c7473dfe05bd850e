"""A running sandbox for each test that asks for one."""

from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import pytest

from tests import sandbox_key
from tests.sandbox.kit import Receiver, Rig, running
from tests.sandbox.program import Program, Shop, open_shop, starting


@pytest.fixture(autouse=True)
def _no_dotenv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A developer's own .env and environment must not reach the tests."""
    monkeypatch.chdir(tmp_path)
    for name in ("HOST", "PORT", "SANDBOX_PORT", "DATA_DIR", "LOG_FORMAT", "PINGPP_INGEST_PARENT_PID"):
        monkeypatch.delenv(name, raising=False)
    for name in ("SANDBOX_WEBHOOK_URL", "SANDBOX_MERCHANT_PUBLIC_KEY_FILE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
async def rig(tmp_path: Path) -> AsyncIterator[Rig]:
    sandbox_key.give(tmp_path)
    async with running(tmp_path, Receiver()) as rig:
        yield rig


@pytest.fixture
def shop() -> Iterator[Shop]:
    with open_shop() as shop:
        yield shop


@pytest.fixture
def start(tmp_path: Path, shop: Shop) -> Iterator[Callable[..., Program]]:
    with starting(tmp_path, shop) as begin:
        yield begin
