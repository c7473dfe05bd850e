"""What is in the demo shop's way, and what it keeps to itself."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest
from structlog.testing import capture_logs

from sandbox.settings import Settings
from sandbox.shop.words import CHINESE, ENGLISH
from tests.patience import PATIENCE_S
from tests.sandbox.kit import TEST_KEY, order
from tests.sandbox.shop.kit import CHECKOUT, TEA, TOKEN, Shop, open_shop

pytestmark = pytest.mark.anyio


@pytest.fixture(name="shop")
async def _shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as shop:
        yield shop


@pytest.mark.parametrize(
    ("status", "kind", "content", "code"),
    [
        (401, "application/problem+json", b'{"code": "unauthorized"}', "unauthorized"),
        (404, "text/plain", b"Not Found", "not_served"),
        (404, "application/problem+json", b'{"code": "not_found"}', "not_found"),
        (200, "text/html", b"<html>", "odd_answer"),
        (200, "application/json", b"[]", "odd_answer"),
        (302, "text/plain", b"", "odd_answer"),
        (500, "application/problem+json", b"?", "odd_answer"),
        (503, "application/problem+json", b'{"code": "unavailable", "detail": "<away>"}', "unavailable"),
        (418, "application/problem+json", b'{"code": "teapot", "detail": "<short>"}', "other"),
    ],
)
async def test_what_is_in_the_way_is_said_with_what_to_do(
    status: int, kind: str, content: bytes, code: str, shop: Shop
) -> None:
    shop.api.status, shop.api.kind, shop.api.says = status, kind, content
    for path in ("/shop/", f"/shop/orders/{TEA}", f"/shop/orders/{TEA}/news"):
        shown = await shop.page(
            path, status if 400 <= status < 500 and code in {"not_found", "other"} else 502
        )
        assert ENGLISH[f"trouble_{code}"] in shown.replace("&#39;", "'")
        assert ENGLISH[f"do_{code}"] in shown.replace("&#39;", "'")
        assert "http://127.0.0.1:8080" in shown
        assert "<away>" not in shown
    shown = await shop.page(language="zh-CN", status=502 if status != 418 and code != "not_found" else status)
    assert CHINESE[f"trouble_{code}"] in shown


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (httpx.ConnectError("refused"), "unreachable"),
        (httpx.ConnectTimeout("slow"), "unreachable"),
        (httpx.ReadTimeout("slow"), "no_answer"),
        (httpx.LocalProtocolError(f"Illegal header value {TOKEN}"), "no_answer"),
    ],
)
async def test_an_api_that_is_away_is_asked_again_by_the_page_itself(
    error: httpx.HTTPError, code: str, shop: Shop
) -> None:
    async def fail(_: httpx.Request) -> None:
        raise error

    shop.api.does = fail
    shown = await shop.page(status=502)
    assert ENGLISH[f"trouble_{code}"] in shown
    assert '<meta http-equiv="refresh" content="5">' in shown
    bought = await shop.http.post("/shop/buy", data={"good": "tea", "channel": "alipay_qr"})
    assert bought.status_code == 502
    assert "http-equiv" not in bought.text, "what was sent is not sent again by itself"
    assert ('href="/shop/orders/tea' in bought.text) is (code == "no_answer"), "perhaps it was made"


async def test_what_the_api_finds_wrong_is_listed(shop: Shop) -> None:
    shop.api.refuse(422, "invalid", errors=[{"field": "amount", "rule": "an <integer>"}, "odd"])
    answer = await shop.http.post("/shop/buy", data={"good": "tea", "channel": "alipay_qr"})
    assert answer.status_code == 422
    assert "amount: an &lt;integer&gt;" in answer.text


@pytest.mark.parametrize(
    ("settings", "code"),
    [
        ({"merchant_api_tokens": None}, "no_token"),
        ({"merchant_api_tokens": " , "}, "no_token"),
        ({"merchant_api_tokens": "two words"}, "token_unreadable"),
        ({"merchant_api_tokens": None, "merchant_api_tokens_file": Path("nowhere")}, "token_unreadable"),
    ],
)
async def test_without_a_token_it_says_where_one_comes_from(settings: Any, code: str, tmp_path: Path) -> None:
    async with open_shop(tmp_path, **settings) as shop:
        assert ENGLISH[f"do_{code}"] in await shop.page(status=502)
        assert shop.api.asked == []


async def test_the_token_may_lie_in_a_file_that_comes_later(tmp_path: Path) -> None:
    file = tmp_path / "merchant_api_token"
    settings = {
        "merchant_api_tokens": None,
        "merchant_api_tokens_file": file,
        "pingpp_app_ids": " app_2, app_1",
        "sandbox_merchant_api_url": "https://api.example/pay/",
    }
    async with open_shop(tmp_path, **settings) as shop:
        await shop.page(status=502)
        file.write_text("first,second\n")
        answer = await shop.http.get("/shop/")
        assert answer.status_code == 200
        assert "form-action 'self' https://api.example;" in answer.headers["content-security-policy"]
        assert shop.api.asked[0].headers["authorization"] == "Bearer first"
        assert str(shop.api.asked[0].url).startswith("https://api.example/pay/payments?app=app_2&")


async def test_the_token_is_on_no_page_and_in_no_log(
    shop: Shop, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    async def fail(_: httpx.Request) -> None:
        raise httpx.LocalProtocolError(f"Illegal header value b'Bearer {TOKEN}'")

    shown = []
    with capture_logs() as logs, caplog.at_level("DEBUG"):
        for does in (None, fail):
            shop.api.does = does
            for path in ("/shop/", f"/shop/orders/{TEA}", f"/shop/till?order_no={TEA}&channel=isv_scan"):
                answer = await shop.http.get(path)
                shown.append(answer.text + str(answer.headers))
            for path in ("/shop/buy", f"/shop/orders/{TEA}/refund", f"/shop/orders/{TEA}/close"):
                answer = await shop.http.post(path, data={"good": "tea", "channel": "alipay_qr", "left": "1"})
                shown.append(answer.text + str(answer.headers))
    assert TOKEN in str(shop.api.asked[0].headers.raw)
    assert TOKEN not in "".join([*shown, str(logs), caplog.text, *capsys.readouterr()])
    assert TOKEN not in repr(Settings(merchant_api_tokens=TOKEN))  # type: ignore[arg-type]


async def test_the_api_may_call_the_sandbox_back_while_the_shop_waits(shop: Shop) -> None:
    """All in one process and one loop: whoever waits in the wrong way waits for ever."""
    made: list[Any] = []

    async def create(request: httpx.Request) -> None:
        content = order(order_no=msgspec.json.decode(request.content)["order_no"])
        answer = await shop.http.post("/v1/charges", json=content, headers=TEST_KEY)
        made.append(answer.json())

    shop.api.does = create
    async with asyncio.timeout(PATIENCE_S):
        assert await shop.press("/shop/buy", good="tea", channel="alipay_qr") == CHECKOUT
    shown = await shop.http.get("/sandbox/")
    assert made[0]["id"] in shown.text


async def test_the_sandbox_works_on_while_the_api_takes_its_time(shop: Shop) -> None:
    arrived, go_on = asyncio.Event(), asyncio.Event()

    async def hang(_: httpx.Request) -> None:
        arrived.set()
        await go_on.wait()

    shop.api.does = hang
    waiting = asyncio.create_task(shop.page())
    async with asyncio.timeout(PATIENCE_S):
        await arrived.wait()
        assert (await shop.http.get("/sandbox/healthz")).status_code == 200
        go_on.set()
        await waiting


async def test_other_websites_cannot_press_its_buttons(shop: Shop) -> None:
    for origin, status in (("http://evil.example", 403), ("null", 403), ("http://shop:8090", 303)):
        answer = await shop.http.post(f"/shop/orders/{TEA}/close", headers={"origin": origin})
        assert answer.status_code == status
    assert len(shop.api.asked) == 1
