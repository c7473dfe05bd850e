"""Which Redis is connected to: the one that REDIS_URL names, else the embedded one under DATA_DIR."""

from pathlib import Path

import pytest
import redis

from processes.redis import RedisNotFound, address_file, connect, connect_async, url
from processes.redis_server import Server
from processes.settings import Settings, load


def settings(data_dir: Path, redis_url: str | None = None) -> Settings:
    return load(Settings, _env_file=None, data_dir=data_dir, redis_url=redis_url)


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REDIS_URL", raising=False)


def test_redis_url_comes_first(tmp_path: Path) -> None:
    address_file(tmp_path).parent.mkdir()
    address_file(tmp_path).write_text("unix:///embedded\n")
    assert url(settings(tmp_path, "redis://elsewhere")) == "redis://elsewhere"
    assert url(settings(tmp_path)) == "unix:///embedded"


def test_where_neither_is_there_it_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(RedisNotFound, match="make run") as error:
        connect(settings(tmp_path))
    assert str(tmp_path) in str(error.value)


@pytest.mark.anyio
async def test_both_kinds_of_client_reach_it(server: Server, client: redis.Redis, tmp_path: Path) -> None:
    client.set("a", "茶")
    found = settings(tmp_path, server.url)
    with connect(found) as one:
        assert one.get("a") == "茶".encode()
        assert one.get_connection_kwargs()["socket_timeout"] == 15.0, "a hung Redis does not hang us"
    async with connect_async(found) as other:
        assert await other.get("a") == "茶".encode()


@pytest.mark.parametrize("wrong", ["http://x", "redis://user:pa#ss@host:port/0"])
def test_what_is_no_address_ends_the_process_and_is_not_repeated(
    wrong: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for how in (connect, connect_async):
        with pytest.raises(SystemExit) as ended:
            how(settings(tmp_path, wrong))
        assert ended.value.code == 2
        said = capsys.readouterr().err
        assert "REDIS_URL" in said
        assert "pa#ss" not in said
