"""Each field that the merchant API takes has its rule, and nothing that breaks one is sent to Ping++."""

import time
from pathlib import Path
from typing import Any

import pytest
from structlog.testing import capture_logs

from processes.redis_server import Server
from tests.ingest.api.kit import APP, SCAN_CODE, Shop, asked, errors, in_shop, scanned

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
