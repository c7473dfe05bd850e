"""Books to be told things, and a door to look in at."""

import pytest
import redis

from processes.redis_server import Server
from tests.ingest.checkout.kit import Books, Door


@pytest.fixture
def books(client: redis.Redis) -> Books:
    return Books(client)


@pytest.fixture
def door(server: Server, client: redis.Redis) -> Door:
    assert client.ping()
    return Door(server.url)
