"""Bodies are read strictly and within bounds; what cannot be read is not sent to Ping++."""

import asyncio
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis

from ingest.api.reading import BODY_LIMIT, DEEPEST
from processes.redis_server import Server
from tests.ingest.api.kit import APP, Shop, asked, errors, in_shop

pytestmark = pytest.mark.usefixtures("client")


NOT_JSON: dict[str, tuple[bytes, str]] = {
    "nothing": (b"", ""),
    "blank": (b"  ", ""),
    "half": (b'{"order_no":', ""),
    "a list": (b"[]", ""),
    "a number": (b"1", ""),
    "two objects": (b"{}{}", ""),
    "a form": (b"order_no=1&amount=1", ""),
    "NaN": (b'{"amount": NaN}', ""),
    "Infinity": (b'{"amount": -Infinity}', ""),
    "a number beyond all bounds": (b'{"amount": 1e999}', ""),
    "a number of too many digits": (b'{"amount": ' + b"9" * 5000 + b"}", ""),
    "not UTF-8": (b'{"subject": "\xff"}', ""),
    "UTF-16": ('{"a":1}'.encode("utf-16"), ""),
    "a byte order mark": (b"\xef\xbb\xbf{}", ""),
    "a member twice": (b'{"amount": 100, "amount": 1}', "amount"),
    "twice further in": (b'{"extra": {"a": {"b": 1, "b": 2}}}', "b"),
    "half a character": (b'{"subject": "\\ud800"}', "subject"),
    "half a character as a name": (b'{"\\ud800": 1}', ""),
    "half a character further in": (b'{"extra": {"a": ["x", "\\udc00"]}}', "extra.a.1"),
    "too deep": (b'{"extra": ' + b"[" * DEEPEST + b"]" * DEEPEST + b"}", "extra" + ".0" * (DEEPEST - 1)),
    "far too deep": (b"[" * 100_000, ""),
}


def test_json_is_read_strictly(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> Any:
        found = {}
        for name, (body, _) in NOT_JSON.items():
            kind = {"Content-Type": "application/json"}
            answer = await shop.say("POST", "/payments", None, 400, content=body, headers=kind)
            found[name] = [field for field, _ in errors(answer.json())]
        assert shop.line.calls == []
        return found

    assert in_shop(server, tmp_path, calls) == {name: [field[:100]] for name, (_, field) in NOT_JSON.items()}


def test_a_body_has_a_type_and_a_bound(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        async def post(body: Any, kind: str, status: int) -> Any:
            headers = {"Content-Type": kind}
            return (await shop.say("POST", "/payments", None, status, content=body, headers=headers)).json()

        for kind in ("text/plain", "application/x-www-form-urlencoded", "application/jsonx"):
            assert (await post(json.dumps(asked()), kind, 415))["code"] == "wrong_content_type"
        assert (await post(json.dumps(asked()), "Application/JSON; charset=utf-8", 201))[
            "status"
        ] == "pending"

        async def endless() -> Any:
            while True:
                yield b" " * 65_536

        for body in (b" " * (BODY_LIMIT + 1), endless()):
            assert (await post(body, "application/json", 413))["code"] == "body_too_large"
        most = json.dumps(asked(2)).encode()
        await post(most + b" " * (BODY_LIMIT - len(most)), "application/json", 201)

    in_shop(server, tmp_path, calls)


def test_a_body_that_does_not_come_is_not_waited_for(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        async def never() -> Any:
            yield b"{"
            await asyncio.sleep(10)

        with patch("ingest.api.reading.BODY_S", 0.1):
            answer = await shop.say("POST", "/payments", None, 408, content=never())
        assert answer.json()["code"] == "body_timeout"

    in_shop(server, tmp_path, calls)


def test_while_redis_is_away_nothing_is_done(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> None:
        client.replicaof("127.0.0.1", 1)  # it takes no writes now
        try:
            answer = await shop.say("POST", "/payments", asked(), 503)
        finally:
            client.replicaof("no", "one")
        assert (answer.json()["code"], answer.headers["retry-after"]) == ("unavailable", "5")
        assert shop.line.calls == []
        client.set(f"payment:{APP}:order00000001", b"0123456789abcdef" + b'{"schema":99}')
        assert (await shop.get("/payments/order00000001", 503))["code"] == "unavailable"
        assert (await shop.create(status=503))["code"] == "unavailable"

    in_shop(server, tmp_path, calls)
