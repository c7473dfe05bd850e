"""Which Redis would lose what it acknowledged, and what a person is told."""

import asyncio
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
import redis.asyncio
from redis.backoff import NoBackoff
from redis.retry import Retry

from processes.durability import judge, look, look_async, probe_write, probe_write_async
from processes.finding import Finding
from processes.redis_server import Server, find_binary, start
from tests.patience import PATIENCE_S, until

GOOD_CONFIG = {
    "appendonly": "yes",
    "appendfsync": "always",
    "no-appendfsync-on-rewrite": "no",
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
}
GOOD_INFO: dict[str, Any] = {
    "redis_version": "7.2.4",
    "role": "master",
    "aof_enabled": 1,
    "aof_last_write_status": "ok",
    "aof_last_bgrewrite_status": "ok",
    "maxmemory": 0,
    "maxmemory_policy": "noeviction",
}


def short(found: list[Finding]) -> list[str]:
    return [f"{one.level} {one.code}" for one in found]


@pytest.mark.parametrize(
    ("config", "info", "expected"),
    [
        ({}, {}, []),
        ({"appendonly": "no"}, {}, ["refuse no_aof"]),
        ({"appendfsync": "everysec"}, {}, ["warn appendfsync_everysec"]),
        ({"appendfsync": "no"}, {}, ["refuse appendfsync_no"]),
        ({"no-appendfsync-on-rewrite": "yes"}, {}, ["warn no_fsync_on_rewrite"]),
        ({"maxmemory-policy": "allkeys-lru"}, {}, ["warn evicting_policy"]),
        ({"maxmemory-policy": "volatile-ttl", "maxmemory": "1000000"}, {}, ["refuse evicting"]),
        ({"maxmemory": "1000000"}, {}, []),
        ({}, {"aof_last_write_status": "err"}, ["refuse aof_write_failed"]),
        ({}, {"aof_last_bgrewrite_status": "err"}, ["warn aof_rewrite_failed"]),
        ({}, {"role": "slave"}, ["refuse redis_read_only"]),
        ({}, {"redis_version": "6.2.14"}, ["refuse redis_too_old"]),
        ({}, {"redis_version": "7.0.0"}, []),
        ({}, {"redis_version": "8.2.1"}, []),
        ({}, {"redis_version": "7.2.4", "valkey_version": "9.1.2"}, []),
        ({}, {"redis_version": "7.2.4", "valkey_version": "7.2.5"}, []),
        ({}, {"redis_version": "7.2.4", "valkey_version": "7.1.0"}, ["refuse redis_too_old"]),
        (
            {"appendfsync": "everysec", "maxmemory-policy": "allkeys-lfu", "maxmemory": "1"},
            {"role": "slave"},
            ["refuse redis_read_only", "refuse evicting", "warn appendfsync_everysec"],
        ),
    ],
)
def test_what_is_wrong_is_found(config: dict[str, str], info: dict[str, Any], expected: list[str]) -> None:
    assert short(judge({**GOOD_CONFIG, **config}, {**GOOD_INFO, **info})) == expected


@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({}, ["unknown appendfsync_unknown"]),
        ({"aof_enabled": 0}, ["refuse no_aof"]),
        (
            {"maxmemory_policy": "volatile-lru", "maxmemory": 10_000_000},
            ["refuse evicting", "unknown appendfsync_unknown"],
        ),
    ],
)
def test_where_config_is_not_allowed_info_is_used(info: dict[str, Any], expected: list[str]) -> None:
    assert short(judge({}, {**GOOD_INFO, **info})) == expected


def test_where_nothing_can_be_seen_that_is_said() -> None:
    assert short(judge({}, {})) == [
        "unknown version_unknown",
        "unknown aof_unknown",
        "unknown eviction_unknown",
    ]


@pytest.mark.parametrize(
    "found", judge({**GOOD_CONFIG, "appendfsync": "no", "maxmemory-policy": "allkeys-lru"}, {})
)
def test_each_finding_says_what_to_do(found: Finding) -> None:
    assert found.message.endswith(".")
    assert any(word in found.message for word in ("Set ", "must be", "Use ", "ask whoever"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    with start(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def client(server: Server) -> Iterator[redis.Redis]:
    with redis.Redis.from_url(server.url) as client:
        before: dict[Any, Any] = {}
        for pattern in ("append*", "maxmemory*"):
            before.update(client.config_get(pattern))
        yield client
        for name in ("maxmemory", "maxmemory-policy", "appendfsync", "appendonly"):
            client.config_set(name, before[name])
        client.replicaof("NO", "ONE")


def test_the_embedded_redis_is_without_fault(client: redis.Redis) -> None:
    assert judge(*look(client)) == []
    assert probe_write(client, "a-prefix:") is None
    assert 0 < client.pttl("a-prefix:probe") <= 10_000


def test_asyncio_sees_the_same(server: Server) -> None:
    async def check() -> None:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            assert judge(*await look_async(client)) == []
            assert await probe_write_async(client, "") is None

    asyncio.run(check())


def test_a_real_server_with_bad_settings_is_seen_through(client: redis.Redis) -> None:
    client.config_set("appendfsync", "everysec")
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", "100mb")
    assert short(judge(*look(client))) == ["refuse evicting", "warn appendfsync_everysec"]
    client.config_set("appendonly", "no")
    assert short(judge(*look(client))) == ["refuse no_aof", "refuse evicting"]


def test_a_full_redis_is_named(client: redis.Redis) -> None:
    client.config_set("maxmemory", "1")
    found = probe_write(client, "")
    assert found is not None
    assert found.code == "redis_full"
    assert "maxmemory" in found.message


def test_a_replica_is_named(client: redis.Redis) -> None:
    client.replicaof("127.0.0.1", "1")
    assert "refuse redis_read_only" in short(judge(*look(client)))
    found = probe_write(client, "")
    assert found is not None
    assert found.code == "redis_read_only"


def test_a_user_without_config_and_without_rights_is_named(client: redis.Redis, server: Server) -> None:
    client.acl_setuser(
        "managed", enabled=True, passwords=["+secret"], keys=["*"], commands=["+@all", "-config"]
    )
    client.acl_setuser(
        "reader", enabled=True, passwords=["+secret"], keys=["*"], categories=["+@read", "+@connection"]
    )
    with redis.Redis.from_url(server.url, username="managed", password="secret") as managed:
        assert short(judge(*look(managed))) == ["unknown appendfsync_unknown"]
        assert probe_write(managed, "") is None
    with redis.Redis.from_url(server.url, username="reader", password="secret") as reader:
        assert [one.level for one in judge(*look(reader))] == ["unknown"] * 3
        found = probe_write(reader, "")
        assert found is not None
        assert found.code == "redis_not_permitted"
    with redis.Redis.from_url(server.url, username="reader", password="wrong") as stranger:
        found = probe_write(stranger, "")
        assert found is not None
        assert found.code == "redis_auth"
        assert "wrong" not in found.message


def test_a_redis_that_is_not_there_is_named(tmp_path: Path) -> None:
    with redis.Redis(unix_socket_path=str(tmp_path / "none"), retry=Retry(NoBackoff(), 0)) as client:
        found = probe_write(client, "")
    assert found is not None
    assert found.code == "redis_away"


def test_a_redis_that_cannot_write_its_snapshot_is_named(tmp_path: Path) -> None:
    socket = tmp_path / "s"
    options = ["--port", "0", "--unixsocket", str(socket), "--dir", str(tmp_path), "--save", "1000 1"]
    process = subprocess.Popen([find_binary(), *options], stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(unix_socket_path=str(socket)) as client:
            until(socket.exists, "it listens")
            client.config_set("stop-writes-on-bgsave-error", "yes")
            client.set("a", "1")
            (tmp_path / "dump.rdb").mkdir()  # so that the file cannot be put in its place
            (tmp_path / "dump.rdb" / "x").touch()
            client.bgsave()
            until(lambda: client.info("persistence")["rdb_last_bgsave_status"] == "err", "it could not save")
            found = probe_write(client, "")
            assert found is not None
            assert found.code == "redis_disk_failed"
    finally:
        process.kill()
        process.wait()


def test_the_settings_that_we_recommend_are_without_fault(tmp_path: Path) -> None:
    conf = Path(__file__).parent.parent.parent / "deploy" / "redis.conf"
    path = tmp_path / "redis.sock"
    server = subprocess.Popen(
        [find_binary(), conf, "--port", "0", "--unixsocket", path, "--dir", tmp_path, "--bind", "127.0.0.1"],
        stdout=subprocess.DEVNULL,
    )
    try:
        with redis.Redis(unix_socket_path=str(path)) as client:
            until(path.exists, "it listens")
            assert judge(*look(client)) == []
    finally:
        server.terminate()
        server.wait(PATIENCE_S)
