"""What the merchant API refuses: with the field and its rule, and nothing is sent to Ping++."""

import asyncio
import itertools
import json
import time
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import pytest
import redis
from structlog.testing import capture_logs

from ingest.api.reading import BODY_LIMIT, DEEPEST
from ingest.office import Office
from processes.redis_server import Server
from tests.ingest.api.kit import APP, SCAN_CODE, Shop, asked, check, errors, in_shop, scanned

pytestmark = pytest.mark.usefixtures("client")

NUMBER = "an integer from 1 to 9007199254740991"
SUBJECT = "a string of 1 to 32 characters"
CODE = "visible ASCII characters"
WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "amount as a string": (asked(amount="100"), "amount", NUMBER),
    "amount as a float": (asked(amount=100.0), "amount", NUMBER),
    "amount of zero": (asked(amount=0), "amount", NUMBER),
    "negative amount": (asked(amount=-1), "amount", NUMBER),
    "amount beyond 2^53": (asked(amount=2**53), "amount", NUMBER),
    "amount as a bool": (asked(amount=True), "amount", NUMBER),
    "amount far beyond": (asked(amount=10**400), "amount", NUMBER),
    "no amount": (asked(amount=None), "amount", f"required: {NUMBER}"),
    "order_no with a space": (asked(order_no="order 1"), "order_no", "a string of 1 to 64 letters, digits, underscores or hyphens"),
    "order_no too long": (asked(order_no="1" * 65), "order_no", "a string of 1 to 64 letters, digits, underscores or hyphens"),
    "order_no too long for WeChat": (scanned(order_no="1" * 33), "order_no", "a string of 1 to 32 letters, digits, underscores or hyphens"),
    "order_no too short": (asked(order_no=""), "order_no", "a string of 1 to 64 letters, digits, underscores or hyphens"),
    "order_no too short for UnionPay": (asked(order_no="1" * 7, channel="upacp_qr"), "order_no", "a string of 8 to 40 letters, digits, underscores or hyphens"),
    "order_no as a number": (asked(order_no=1), "order_no", "a string of 1 to 64 letters, digits, underscores or hyphens"),
    "another currency": (asked(currency="usd"), "currency", "cny"),
    "currency in capitals": (asked(currency="CNY"), "currency", "cny"),
    "channel with a space": (asked(channel="alipay qr"), "channel", "a string of 1 to 32 lower-case letters, digits or underscores"),
    "channel too long": (asked(channel="x" * 33), "channel", "a string of 1 to 32 lower-case letters, digits or underscores"),
    "subject too long": (asked(subject="茶" * 33), "subject", SUBJECT),
    "subject empty": (asked(subject=""), "subject", SUBJECT),
    "body too long": (asked(body="x" * 129), "body", "a string of 1 to 128 characters"),
    "client_ip of five parts": (asked(client_ip="1.2.3.4.5"), "client_ip", "an IPv4 or IPv6 address"),
    "description too long": (asked(description="x" * 256), "description", "a string of 0 to 255 characters"),
    "a pair too many": (asked(metadata={str(n): n for n in range(19)}), "metadata", "at most 18 pairs"),
    "metadata too long": (asked(metadata={"a": "x" * 833}), "metadata", "as JSON at most 840 characters"),
    "metadata of ours": (asked(metadata={"pingpp_ingest_order": "x"}), "metadata", "no key that begins with pingpp_ingest_"),
    "a number that is none everywhere": (asked(metadata={"a": [2**53]}), "metadata", "no number beyond 9007199254740991"),
    "extra as a list": (asked(extra=[]), "extra", "an object, valid as JSON"),
    "no scan code": (asked(channel="wx_pub_scan"), "extra.scan_code", f"required: a string of 1 to 64 {CODE}"),
    "a blank in the scan code": (scanned(code=SCAN_CODE + " "), "extra.scan_code", f"a string of 1 to 64 {CODE}"),
    "return_url of a script": (asked(return_url="javascript:alert(1)"), "return_url", "a URL that begins with http:// or https://, of at most 2048 visible ASCII characters"),
    "return_url too long": (asked(return_url="https://a/" + "x" * 2039), "return_url", "a URL that begins with http:// or https://, of at most 2048 visible ASCII characters"),
    "another app": (asked(app="app_2"), "app", APP),
    "an unknown field": (asked(amout=1), "amout", "no such field"),
}  # fmt: skip


def test_each_rule_that_is_broken_is_named_with_its_field(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> Any:
        found = {name: errors(await shop.create(content, 422)) for name, (content, _, _) in WRONG.items()}
        assert shop.line.calls == []
        assert (await shop.get("/payments"))["payments"] == []
        return found

    with capture_logs() as lines:
        found = in_shop(server, tmp_path, calls)
    assert found == {name: [(field, rule)] for name, (_, field, rule) in WRONG.items()}
    assert SCAN_CODE not in str(lines)


def test_the_longest_that_is_right_is_taken(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create(
            asked(
                order_no="1" * 64,
                amount=2**53 - 1,
                subject="茶" * 32,
                body="茶" * 128,
                description="茶" * 255,
                client_ip="2001:db8::1",
                metadata={str(n): "x" * 30 for n in range(18)},
                return_url="https://a/" + "x" * 2038,
                time_expire=int(time.time()) + 900,
                app=APP,
            )
        )

    in_shop(server, tmp_path, calls)


def test_all_that_is_wrong_is_told_in_one_answer(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> Any:
        soon = int(time.time()) + 10
        wrong = asked(
            amount=0, subject="x" * 33, time_expire=soon, app="app_2", extra={"scan_code": 1}, more=1
        )
        return await shop.create({**wrong, "channel": "isv_scan"}, 422)

    problem = in_shop(server, tmp_path, calls)
    assert {field for field, _ in errors(problem)} == {
        "more", "app", "amount", "subject", "time_expire", "extra.scan_code", "extra.terminal_id"
    }  # fmt: skip
    assert {"field": "subject", "rule": SUBJECT, "length": 33} in problem["errors"]


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


NO_TOKEN = (
    None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic token-of-the-shop", "token-of-the-shop",
    "Bearer token-of-the-shoq", "Bearer token-of-the-shop,other", "Bearer tökén",
)  # fmt: skip
PLACES = (("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/x"), ("PUT", "/payments/a/b/c"))


def test_without_a_right_token_nothing_is_read(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        del shop.http.headers["authorization"]
        for header, (method, path) in itertools.product(NO_TOKEN, PLACES):
            given = {} if header is None else {"Authorization": header.encode()}
            answer = await shop.say(method, path, asked(), 401, headers=given)
            assert (answer.json()["code"], answer.headers["www-authenticate"]) == ("unauthorized", "Bearer")
        assert shop.line.calls == []

    with capture_logs() as lines:
        in_shop(server, tmp_path, calls)
    assert [line["outcome"] for line in lines if line["event"] == "merchant API"].count("unauthorized") in (
        1,
        2,
    )


def test_the_description_needs_no_token(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        del shop.http.headers["authorization"]
        assert (await shop.get("/openapi.json"))["openapi"] == "3.1.0"
        assert (await shop.say("HEAD", "/openapi.json", None, 200)).headers[
            "content-type"
        ] == "application/json"

    in_shop(server, tmp_path, calls)


def test_each_token_is_right_in_any_case_of_its_scheme(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        for header in ("Bearer other", "bearer  token-of-the-shop", "BEARER other"):
            await shop.get("/payments", headers={"Authorization": header})
        twice = [("Authorization", "Bearer other"), ("Authorization", "Bearer other")]
        del shop.http.headers["authorization"]
        await shop.get("/payments", 401, headers=twice)

    in_shop(server, tmp_path, calls)


NOT_ALLOWED = (
    ("DELETE", "/payments", "HEAD, GET, POST"),
    ("POST", "/payments/x", "HEAD, GET"),
    ("GET", "/payments/x/refunds", "POST"),
    ("GET", "/payments/x/close", "POST"),
    ("PUT", "/openapi.json", "HEAD, GET"),
)
NOT_THERE = (
    ("GET", "/payments/"), ("GET", "/payments/x"), ("POST", "/payments/x/close"), ("POST", "/payments/x/nothing"),
    ("POST", "/payments/x/reverse"), ("GET", "/payments/x/y/z"), ("GET", "/payments/%FF"), ("POST", "/payments//close"),
    ("GET", "/payments/a%3Ab"), ("GET", "/payments/a%0Ab"), ("GET", f"/payments/{'x' * 5000}"),
)  # fmt: skip


def test_what_is_not_there_is_a_problem_too(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        for method, path, allow in NOT_ALLOWED:
            answer = await shop.say(method, path, None, 405)
            assert (answer.json()["code"], answer.headers["allow"]) == ("method_not_allowed", allow)
        for method, path in NOT_THERE:
            assert (await shop.say(method, path, None, 404)).json()["code"] == "not_found"

    in_shop(server, tmp_path, calls)


def test_an_app_is_needed_unless_there_is_one(server: Server, tmp_path: Path) -> None:
    async def several(shop: Shop) -> None:
        rule = f"one of {APP}, app_2"
        assert errors(await shop.create(status=422)) == [("app", f"required: {rule}")]
        assert errors(await shop.create(asked(app="app_3"), 422)) == [("app", rule)]
        assert errors(await shop.get("/payments/order00000001", 422)) == [("app", f"required: {rule}")]
        assert errors(await shop.get("/payments/order00000001?app=a&app=b", 422))[0] == ("app", "given once")
        assert errors(await shop.get("/payments/x?apps=a", 422))[0] == ("apps", "no such field")
        await shop.create(asked(app="app_2"))
        assert (await shop.get("/payments/order00000001?app=app_2"))["app"] == "app_2"
        await shop.get(f"/payments/order00000001?app={APP}", 404)

    async def none(shop: Shop) -> None:
        rule = "1 to 64 letters, digits, underscores or hyphens"
        assert errors(await shop.create(status=422)) == [("app", f"required: {rule}")]
        assert errors(await shop.create(asked(app="a:b"), 422)) == [("app", rule)]
        assert errors(await shop.get("/payments?order_no=x", 422)) == [("app", f"required: {rule}")]
        await shop.create(asked(app=APP))

    in_shop(server, tmp_path, several, pingpp_app_ids=f"{APP},app_2")
    in_shop(server, tmp_path, none, pingpp_app_ids="")


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


def test_what_nobody_foresaw_is_logged_and_told_without_details(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> httpx.Response:
        with patch.object(Office, "find", side_effect=RuntimeError("the cupboard is bare")):
            return await shop.say("GET", "/payments/x", None, 500)

    with capture_logs() as lines:
        answer = in_shop(server, tmp_path, calls)
    check(answer)
    assert (answer.json()["code"], "cupboard" in answer.text) == ("internal_error", False)
    assert [line["log_level"] for line in lines if line["event"] == "merchant API broke"] == ["error"]
