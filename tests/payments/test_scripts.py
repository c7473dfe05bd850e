"""Scripts are found beside their caller, run by their digest, and loaded where Redis forgot them."""

import hashlib
from pathlib import Path

import pytest
import redis

from payments.scripts import script

SOURCE = b"return {KEYS[1], ARGV[1]}"


def test_a_script_lies_beside_its_caller_and_is_known_by_its_digest(tmp_path: Path) -> None:
    (tmp_path / "echo.lua").write_bytes(SOURCE)
    found = script(str(tmp_path / "caller.py"), "echo")
    assert (found.name, found.source) == ("echo", SOURCE)
    assert found.sha == hashlib.sha1(SOURCE, usedforsecurity=False).hexdigest()
    with pytest.raises(FileNotFoundError):
        script(str(tmp_path / "caller.py"), "other")


def test_it_runs_whether_redis_knows_it_or_not(client: redis.Redis, tmp_path: Path) -> None:
    (tmp_path / "echo.lua").write_bytes(SOURCE)
    echo = script(str(tmp_path / "caller.py"), "echo")
    for _ in range(2):
        client.script_flush()
        assert not client.script_exists(echo.sha)[0]
        for _ in range(2):
            assert echo(client, ["key"], [b"value"]) == [b"key", b"value"]
            assert client.script_exists(echo.sha)[0]
