"""The demo shop, before a merchant API that is made up here."""

import re
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from payments.channels import table
from sandbox.shop.goods import GOODS, WAYS
from sandbox.shop.views import money
from sandbox.shop.words import ENGLISH
from tests.sandbox.kit import APP
from tests.sandbox.pages.test_routes import Forms
from tests.sandbox.shop.kit import CHECKOUT, TEA, TOKEN, Shop, open_shop, paid, payment

pytestmark = pytest.mark.anyio


@pytest.fixture(name="shop")
async def _shop(tmp_path: Path) -> AsyncIterator[Shop]:
    async with open_shop(tmp_path) as shop:
        yield shop


async def test_it_shows_its_goods_and_all_channels_and_the_latest_orders(shop: Shop) -> None:
    shown = await shop.page()
    for text in (
        "Longjing tea",
        "CN¥38.00",
        "US$5.60",
        "To be paid",
        f'href="/shop/orders/{TEA}"',
        'href="/sandbox/"',
    ):
        assert text in shown
    values = set(re.findall(r'name="channel" value="(\w+)"', shown))
    assert values == set(WAYS) == set(table.CHANNELS)
    assert shop.api.asked[0].url == f"http://127.0.0.1:8080/payments?app={APP}&limit=12"


@pytest.mark.parametrize("channel", [one for one, way in WAYS.items() if way.kind == "qr"])
async def test_who_buys_with_a_qr_code_is_led_to_the_checkout(channel: str, shop: Shop) -> None:
    assert await shop.press("/shop/buy", good="tea", channel=channel) == CHECKOUT
    asked = shop.api.body()
    assert (asked["channel"], asked["currency"]) == (channel, "usd" if channel.startswith("cb_") else "cny")
    assert asked["return_url"] == f"http://shop:8090/shop/orders/{asked['order_no']}"
    assert shop.api.asked[0].headers["authorization"] == f"Bearer {TOKEN}"


@pytest.mark.parametrize("language", ["en", "zh-CN"])
@pytest.mark.parametrize("good", GOODS)
@pytest.mark.parametrize("channel", WAYS)
async def test_what_it_asks_for_is_right_on_every_channel(
    channel: str, good: str, language: str, shop: Shop
) -> None:
    shop.http.headers["accept-language"] = language
    place = await shop.press("/shop/buy", good=good, channel=channel)
    if WAYS[channel].kind == "till":
        assert shop.api.asked == []
        given = httpx.URL(place).params
        assert given["channel"] == channel
        await shop.press("/shop/till", **given, scan_code=" 281234567890123456 ")
        assert shop.api.asked[0].headers["prefer"] == "wait=2"
    asked = shop.api.body(0)
    assert asked.pop("app") == APP
    assert list(table.problems({**asked, "app": APP}, now=time.time(), attempt=1)) == []
    assert re.fullmatch("[a-z0-9]{8,20}", asked["order_no"])
    assert asked["client_ip"] == "127.0.0.1"


async def test_nothing_is_bought_where_nothing_was_chosen(shop: Shop) -> None:
    assert await shop.press("/shop/buy", good="car", channel="alipay_qr") == "/shop/?problem=choose"
    assert ENGLISH["problem_choose"] in await shop.page("/shop/?problem=choose")
    assert "<b>" not in await shop.page("/shop/?problem=<b>&told=<b>")
    for query in ("", f"?order_no={TEA}&channel=alipay_qr", "?order_no=x1&channel=upacp_scan"):
        answer = await shop.http.get(f"/shop/till{query}")
        assert answer.headers["location"] == "/shop/?problem=choose"
    assert await shop.press("/shop/till", order_no=TEA) == "/shop/?problem=choose"


async def test_a_checkout_elsewhere_is_led_to_by_a_link(shop: Shop) -> None:
    shop.api.says = payment(checkout_url="https://pay.example/checkout/1")
    place = await shop.press("/shop/buy", good="tea", channel="alipay_qr")
    assert place.startswith("/shop/orders/tea")
    assert 'href="https://pay.example/checkout/1"' in await shop.page(place)


async def test_no_browser_is_led_where_the_policy_cannot_let_it_go(tmp_path: Path) -> None:
    async with open_shop(tmp_path, host="::1") as shop:
        shop.api.says = payment(checkout_url="http://[::1]:8080/checkout/1")
        assert (await shop.press("/shop/buy", good="tea", channel="alipay_qr")).startswith("/shop/orders/tea")
        answer = await shop.http.get("/shop/")
        assert "form-action 'self' ;" in answer.headers["content-security-policy"]


async def test_the_till_offers_the_codes_that_have_a_meaning(shop: Shop) -> None:
    at = f"/shop/till?order_no={TEA}&channel=alipay_scan"
    shown = await shop.page(at)
    codes = re.findall(r'name="preset" value="(\d+)"', shown)
    assert [code[:2] for code in codes] == ["28", "91", "92", "93", "94"]
    typed = Forms(shown).found["/shop/till"][0]
    assert await shop.press("/shop/till", **typed, preset=codes[1]) == f"/shop/orders/{TEA}"
    assert shop.api.body()["extra"]["scan_code"] == codes[1]
    for code in ("", "ü", "1" * 33):
        assert await shop.press("/shop/till", **{**typed, "scan_code": code}) == f"{at}&problem=bad_code"
    assert ENGLISH["problem_bad_code"] in await shop.page(f"{at}&problem=bad_code")


async def test_a_refusal_of_the_channel_is_told_by_the_order(shop: Shop) -> None:
    shop.api.refuse(422, "gateway_refused", error={"code": "x"})
    typed = {"order_no": TEA, "channel": "alipay_scan", "scan_code": "930000000000000000"}
    assert await shop.press("/shop/till", **typed) == f"/shop/orders/{TEA}"


async def test_a_failed_order_can_be_tried_again_with_another_code(shop: Shop) -> None:
    shop.api.says = payment(
        status="failed", charges=[], channel="alipay_scan", failure={"code": "x_y", "message": "<no>"}
    )
    shown = await shop.page(f"/shop/orders/{TEA}")
    for text in ("Not paid", "&lt;no&gt;", f'href="/shop/till?order_no={TEA}&amp;channel=alipay_scan"'):
        assert text in shown


@pytest.mark.parametrize(
    ("changes", "texts"),
    [
        ({}, [ENGLISH["step_scan"], f'href="{CHECKOUT}"', 'href="/sandbox/pay/ch_1"', "/close"]),
        ({"awaiting_customer": True, "charge_is": {"channel": "upacp_scan"}}, [ENGLISH["step_password"]]),
        ({"status": "creating", "charges": []}, [ENGLISH["step_unknown"]]),
        (
            {"charge": {"id": "ch_1", "credential": {"isv_wap": "x"}}, "charge_is": {"channel": "isv_wap"}},
            ["pingpp.createPayment(charge", f"{CHECKOUT}/charge", "&#34;isv_wap&#34;: &#34;x&#34;"],
        ),
        ({"status": "closed", "charge_is": {"status": "expired"}}, [ENGLISH["closed_now"]]),
        ({"currency": None, "channel": None, "amount": None, "charges": []}, ["0.00"]),
    ],
)
async def test_the_order_says_what_comes_next(changes: Any, texts: list[str], shop: Shop) -> None:
    shop.api.says = payment(**changes)
    shown = (await shop.page(f"/shop/orders/{TEA}")).replace("&#39;", "'")
    for text in texts:
        assert text in shown
    assert "data-news" in shown or shop.api.says["status"] == "closed"


async def test_the_order_hears_when_it_is_paid(shop: Shop) -> None:
    at = f"/shop/orders/{TEA}"
    found = re.search(r'data-news="([^"]+)" data-version="([^"]+)"', await shop.page(at))
    assert found is not None
    assert await shop.page(found[1]) == found[2]
    assert shop.api.asked[-1].headers["prefer"] == "wait=5"
    shop.api.says = paid()
    assert await shop.page(found[1]) != found[2]
    assert "data-news" not in await shop.page(at)


async def test_what_is_for_the_merchants_server_alone_is_not_shown(shop: Shop) -> None:
    shop.api.says = payment(qr_text="https://qr.example/secret")
    assert "qr.example" not in await shop.page(f"/shop/orders/{TEA}")


async def test_it_refunds_all_or_a_part_once(shop: Shop) -> None:
    at = f"/shop/orders/{TEA}"
    refund = {"id": "re_1", "charge": "ch_1", "amount": 800, "status": "pending", "failure_msg": None}
    shop.api.says = paid(refunds=[refund])
    shown = await shop.page(at)
    assert "Refund the rest · CN¥30.00" in shown
    everything, part = (
        dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]+)"', one)) for one in forms(shown)
    )
    assert await shop.press(f"{at}/refund", **everything) == at
    assert shop.api.body() == {"amount": 3000, "description": "Refund of the demo shop", "charge": "ch_1"}
    key = shop.api.asked[-1].headers["idempotency-key"]
    await shop.press(f"{at}/refund", **everything)
    assert shop.api.asked[-1].headers["idempotency-key"] == key, "the same form twice is one refund"
    await shop.press(f"{at}/refund", **part, amount="１２.5")  # noqa: RUF001 - as an input method types it
    assert shop.api.body()["amount"] == 1250
    assert shop.api.asked[-1].headers["idempotency-key"] != key
    for amount in ("", "0", "-1", "1.234", "much"):
        assert await shop.press(f"{at}/refund", **part, amount=amount) == f"{at}?problem=bad_amount"
    assert ENGLISH["problem_bad_amount"] in await shop.page(f"{at}?problem=bad_amount")
    await shop.press(f"{at}/refund", left="5", key="<no key>")
    assert re.fullmatch("[0-9a-f]{16}", shop.api.asked[-1].headers["idempotency-key"])


def forms(page: str) -> list[str]:
    return re.findall(r'<form[^>]*refund">(.*?)</form>', page, re.DOTALL)


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        ({"rate": "6.64640000"}, {"rate": "6.64640000", "refund_amount": 3722}),
        ({}, {"rate": "1", "refund_amount": 560}),
        ({"rate": "much"}, {"rate": "1", "refund_amount": 560}),
    ],
)
async def test_a_refund_from_abroad_says_the_rate(extra: Any, expected: Any, shop: Shop) -> None:
    charge = {"channel": "cb_alipay_qr", "currency": "usd", "amount": 560, "extra": extra}
    shop.api.says = paid(currency="usd", charge_is=charge)
    shown = await shop.page(f"/shop/orders/{TEA}")
    await shop.press(
        f"/shop/orders/{TEA}/refund", **dict(re.findall(r'name="(\w+)" value="([^"]+)"', forms(shown)[0]))
    )
    assert shop.api.body()["extra"] == expected


async def test_it_closes_an_order(shop: Shop) -> None:
    at = f"/shop/orders/{TEA}"
    assert await shop.press(f"{at}/close") == f"{at}?told=closing"
    assert shop.api.asked[-1].url.path == f"/payments/{TEA}/close"
    assert ENGLISH["told_closing"] in await shop.page(f"{at}?told=closing")
    shop.api.says = payment(status="closed")
    assert await shop.press(f"{at}/close") == at


async def test_odd_order_numbers_break_nothing(shop: Shop) -> None:
    shop.api.says = payment(order_no='"><script>', amount=100, currency="jpy", channel="new_channel")
    shown = await shop.page()
    assert "<script>" not in shown
    assert "100 JPY" in shown
    assert ENGLISH["trouble_not_found"] in await shop.page('/shop/orders/"><script>', 404)
    shop.api.says = payment(order_no="no_good-of-ours", channel="new_channel")
    assert "new_channel" in await shop.page("/shop/orders/no_good-of-ours")


async def test_its_pages_need_nothing_from_elsewhere(shop: Shop) -> None:
    for path in ("/shop/", f"/shop/orders/{TEA}", f"/shop/till?order_no={TEA}&channel=isv_scan"):
        answer = await shop.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert "form-action 'self' http://127.0.0.1:8080;" in policy
        assert " style=" not in answer.text
        assert not re.search(r"<[^>]* on\w+=", answer.text)
        loaded = re.findall(r'src="([^"]*)"', answer.text) + re.findall(
            r'<link [^>]*href="([^"]*)"', answer.text
        )
        assert len(loaded) >= 3
        for one in set(loaded):
            assert (await shop.http.get(one)).status_code == 200, one


async def test_it_is_chinese_for_those_who_read_it(shop: Shop) -> None:
    shop.api.says = paid()
    for path in ("/shop/", f"/shop/orders/{TEA}", f"/shop/till?order_no={TEA}&channel=isv_scan"):
        english, chinese = await shop.page(path), await shop.page(path, language="zh-CN,zh;q=0.9")
        assert '<html lang="en">' in english
        assert '<html lang="zh-CN">' in chinese
        said = [word for word in ENGLISH.values() if re.search(r"[a-z] [a-z]{3}", word)]
        assert [word for word in said if f">{word}<" in chinese] == []
    assert money(3800, "cny", "en") == "CN¥38.00"
    assert money(123456, "cny", "zh-CN") == "¥1,234.56"
