"""The store of an empty Redis, and a shop for the tests that take payments."""

from pathlib import Path

import pytest
import redis

from payments.keys import Keys
from payments.store import Store
from tests.flow.signer import Signer
from tests.payments.taking import kit as taking


@pytest.fixture
def store(client: redis.Redis) -> Store:
    return Store(client, Keys())


@pytest.fixture
def shop(client: redis.Redis, tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> taking.Run:
    """Tells a story in front of a sandbox, on each Redis that is there."""
    monkeypatch.chdir(tmp_path)  # no .env of a developer's
    return lambda story: taking.run(story, client, tmp_path, signer)
