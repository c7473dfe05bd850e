"""What a shopper is shown: each state in both languages, and what comes of the button."""

import html
import re
import time
from collections.abc import Callable
from itertools import product
from pathlib import Path

import pytest

from processes.redis_server import Server
from tests.ingest.checkout.kit import Books, Door, title

ADDRESSES = ("", "/status", "/events", "/qr.svg", "/charge")
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
NO_SCRIPT = '<noscript><meta http-equiv="refresh" content="5"></noscript>'


Prepare = Callable[[Books], object]


def steps(*names: str, channel: str = "alipay_qr") -> Prepare:
    """Open a payment, and have these things happen to it."""

    def prepare(books: Books) -> None:
        books.open(channel=channel)
        for name in names:
            getattr(books, name)()

    return prepare


def with_charge(**changes: object) -> Prepare:
    return lambda books: books.open(charge=changes)


def timed_out(books: Books) -> None:
    """By the clock; that nobody paid in time is not sure for another minute."""
    books.open(charge={"time_expire": int(time.time()) - 5})


def refused(books: Books) -> None:
    books.register()
    books.refuse()


def dropped(books: Books) -> None:
    books.register()
    books.drop()


def late(books: Books) -> None:
    books.open()
    books.stop()
    books.pay()


def refunded(books: Books) -> None:
    books.open()
    books.pay()
    books.refund(amount=1234)


# How it came to be, the title in both languages, the status, and what is on the page: `q` a QR code, `b` the button,
# `f` a final state.
STATES: dict[str, tuple[Prepare, str, str, str, str]] = {
    "creating": (lambda b: b.register(), "Preparing your payment", "正在准备支付", "creating", ""),
    "not made": (dropped, "Preparing your payment", "正在准备支付", "pending", ""),
    "scan": (steps(), "Scan to pay", "请扫码支付", "pending", "qb"),
    "at the till": (
        steps(channel="wx_pub_scan"),
        "Show your payment code to the cashier",
        "请向收银员出示付款码",
        "pending",
        "b",
    ),
    "typing a password": (
        lambda b: b.register(channel="alipay_scan"),
        "Show your payment code to the cashier",
        "请向收银员出示付款码",
        "creating",
        "b",
    ),
    "isv_wap": (steps(channel="isv_wap"), "Continue to payment", "请继续支付", "pending", "b"),
    "unknown channel": (steps(channel="new_pay"), "Waiting for your payment", "等待支付", "pending", "b"),
    "no credential": (with_charge(credential={}), "Waiting for your payment", "等待支付", "pending", "b"),
    "reversing": (steps("reversing"), "Checking your payment", "正在确认支付结果", "pending", "b"),
    "time is up": (timed_out, "Time is up", "支付时间已结束", "pending", "b"),
    "a minute at the till": (steps("age", channel="isv_qr"), "Time is up", "支付时间已结束", "pending", "b"),
    "ended by the shop": (steps("stop"), "Payment closed", "支付已关闭", "closed", "b"),
    "paid": (steps("pay"), "Payment received", "支付成功", "paid", "f"),
    "paid late": (late, "Payment received", "已收到支付", "paid", "f"),
    "partly refunded": (steps("pay", "refund"), "Partly refunded", "已部分退款", "partially_refunded", "f"),
    "refunded": (refunded, "Refunded", "已退款", "refunded", "f"),
    "given back": (steps("pay", "reverse"), "Refunded", "已退款", "refunded", "f"),
    "expired": (steps("expire"), "Time is up", "支付已超时", "expired", "f"),
    "reversed in time": (steps("reverse"), "Payment closed", "支付已关闭", "closed", "f"),
    "reversed at the till": (
        steps("reverse", channel="isv_qr"),
        "Time is up",
        "支付已超时",
        "expired",
        "f",
    ),
    "ended and reversed": (steps("stop", "reverse"), "Payment closed", "支付已关闭", "closed", "f"),
    "failed": (refused, "The payment could not be started", "无法发起支付", "failed", "f"),
}


@pytest.mark.parametrize("state", STATES)
def test_each_state_is_shown_in_both_languages(state: str, books: Books, door: Door) -> None:
    prepare, english, chinese, status, marks = STATES[state]
    prepare(books)
    page = f"{books.token()}"
    for language, wanted, amount in (("en", english, "CN¥12.34"), ("zh-Hans", chinese, "¥12.34")):
        answer = door.get(page, accept_language="zh-CN,zh;q=0.9" if language == "zh-Hans" else "en-GB")
        assert answer.status_code == 200
        assert f'<html lang="{language}">' in answer.text
        assert answer.headers["content-language"] == language
        assert title(answer) == wanted
        assert f'id="amount">{amount}</p>' in answer.text
        assert ("Green tea 龙井" in answer.text, "order00000001" in answer.text) == (True, True)
        assert ("/qr.svg" in answer.text) == ("q" in marks)
        assert ('id="i-have-paid"' in answer.text) == ("b" in marks)
        assert (NO_SCRIPT in answer.text) == ("f" not in marks)
    polled, drawn = door.call(("GET", f"{page}/status"), ("GET", f"{page}/qr.svg"))
    assert (polled.json()["status"], polled.json()["final"]) == (status, "f" in marks)
    assert drawn.status_code == (200 if "q" in marks else 404)


@pytest.mark.parametrize(
    ("channel", "english", "chinese"),
    [
        ("alipay_qr", "Open Alipay and scan", "请打开支付宝"),
        ("cb_alipay_qr", "Open Alipay and scan", "请打开支付宝"),
        ("wx_pub_qr", "Open WeChat and scan", "请打开微信"),
        ("cb_wx_pub_qr", "Open WeChat and scan", "请打开微信"),
        ("upacp_qr", "Open the UnionPay app and scan", "请打开云闪付"),
        ("ccb_qr", "Open the China Construction Bank app and scan", "请打开中国建设银行 App"),
        ("isv_qr", "Open WeChat and scan", "请打开微信"),
        ("isv_qr alipay", "Open Alipay and scan", "请打开支付宝"),
        ("isv_qr bfb", "Open Baidu Wallet and scan", "请打开百度钱包"),
        ("isv_qr wz", "Open your payment app and scan", "请打开您的支付 App"),
        ("isv_wap alipay", "opens Alipay for you", "打开支付宝"),
        ("isv_scan", "Open WeChat and show", "请打开微信并出示"),
        ("alipay_scan", "Open Alipay and show", "请打开支付宝并出示"),
        ("cb_wx_pub_scan", "Open WeChat and show", "请打开微信并出示"),
        ("upacp_scan", "Open the UnionPay app and show", "请打开云闪付并出示"),
    ],
)
def test_the_app_to_pay_with_is_named(
    channel: str, english: str, chinese: str, books: Books, door: Door
) -> None:
    name, _, wallet = channel.partition(" ")
    token = books.open(channel=name, charge={"extra": {"pay_channel": wallet}} if wallet else {})
    assert english in door.get(token).text
    assert chinese in door.get(token, accept_language="zh").text


def test_every_answer_has_the_headers_that_keep_it_to_its_shopper(books: Books, door: Door) -> None:
    tokens = books.open(), books.token(2)
    books.pay()
    paths = [("GET", f"{token}{address}") for token in tokens for address in ADDRESSES]
    paths += [(how, f"{token}/paid") for token in tokens for how in ("POST",)]
    for answer in door.call(*paths):
        headers = answer.headers
        assert headers["content-security-policy"] == CSP
        assert headers["referrer-policy"] == "no-referrer"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-robots-tag"] == "noindex"
        assert headers["cache-control"] == "no-store"
        assert "camera=()" in headers["permissions-policy"]
        if headers.get("content-type", "").startswith("text/html"):
            assert headers["vary"] == "Accept-Language"


def test_the_page_holds_no_script_or_style_of_its_own_and_nothing_from_outside(
    books: Books, door: Door
) -> None:
    token = books.open(return_url="https://shop.example/thanks?a=1&b=2")
    text = door.get(token).text
    assert "<style" not in text
    assert not re.search(r"<script(?! src=)|\sstyle=|\son\w+=|javascript:", text)
    addresses = re.findall(r'(?:src|href|action|data-status|data-events)="([^"]*)"', text)
    outside = [one for one in addresses if "//" in one]
    assert outside == ["https://shop.example/thanks?a=1&amp;b=2"]
    # Relative to the page, they hold under whatever path a proxy puts it.
    assert all(one.startswith(("-/static/", token)) for one in addresses if one not in outside)
    assert 'rel="noreferrer"' in text


def test_the_way_back_to_the_shop_stands_out_when_all_is_done(books: Books, door: Door) -> None:
    token = books.open(return_url="https://shop.example/thanks")
    assert '<a href="https://shop.example/thanks"' in door.get(token).text
    books.pay()
    assert '<a class="prominent" href="https://shop.example/thanks"' in door.get(token).text


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)", " javascript:alert(1)", "java\nscript:alert(1)", "JavaScript://x/%0aalert(1)",
        "data:text/html,<script>alert(1)</script>", "//evil.example/", "/local", "https:", "http://[", "ftp://x/", "",
    ],
)  # fmt: skip
def test_a_way_back_that_is_no_web_address_is_not_shown(address: str, books: Books, door: Door) -> None:
    text = door.get(books.open(return_url=address)).text
    assert 'id="back"' not in text
    assert "alert(1)" not in text


def test_what_the_shop_writes_is_text_and_never_markup(books: Books, door: Door) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(2)>{{ 7*7 }}{app}'
    address = 'https://shop.example/"><script>alert(3)</script>'
    for number, subject in enumerate((hostile, "'\"&<", "a\u202eb\x00c"), 1):
        text = door.get(books.open(number, subject=subject, return_url=address)).text
        assert "<script>" not in text
        assert "<img src=x" not in text
        assert text.count("<script ") == 1
    assert html.escape(hostile, quote=False) in html.unescape(door.get(books.token(1)).text).replace(
        hostile, html.escape(hostile, quote=False)
    )
    assert "{{ 7*7 }}{app}" in door.get(books.token(1)).text


CHECKOUT = Path("ingest") / "checkout"


def test_files_are_kept_by_their_content_and_their_names_are_few(server: Server) -> None:
    door = Door(server.url)
    page = door.get("x" * 32).text
    (style,) = re.findall(r'href="(-/static/\w+/checkout\.css)"', page)
    kept, stale, missing, outside = door.call(
        ("GET", style),
        ("GET", "-/static/0123456789abcdef/checkout.css"),
        ("GET", "-/static/0123456789abcdef/payment.html"),
        ("GET", "-/static/x/..%2fcheckout.py"),
    )
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    # Another release's page finds the file all the same, and does not keep it under the wrong name.
    assert (stale.content, stale.headers["cache-control"]) == (kept.content, "no-store")
    assert (missing.status_code, outside.status_code) == (404, 404)
    for name, media in (("js", "text/javascript"), ("svg", "image/svg+xml")):
        assert door.get(f"-/static/0/checkout.{name}").headers["content-type"].startswith(media)


def test_no_file_asks_for_anything_from_outside() -> None:
    paths = [*(CHECKOUT / "templates").iterdir(), *(CHECKOUT / "static").iterdir()]
    assert len(paths) == 6
    for path in paths:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|[\"'(]//|@import|url\(", text), path


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_texts_stand_out_from_their_ground_in_light_and_dark() -> None:
    themes = [
        dict(re.findall(r"--([a-z-]+): (#\w{6});", block))
        for block in (CHECKOUT / "static" / "checkout.css")
        .read_text()
        .split("@media (prefers-color-scheme: dark)")
    ]
    assert len(themes) == 2
    for theme in themes:
        texts = [
            *product(("ink", "soft", "main", "main-strong", "warn"), ("card", "order", "ground")),
            ("warn", "warn-ground"),
            ("on-main", "main"),
            ("on-main", "main-strong"),
            ("card", "good"),
        ]
        for text, ground in texts:
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        for line in ("main", "edge", "focus", "good"):  # WCAG 1.4.11: what is no text
            assert contrast(theme[line], theme["card"]) >= 3, line
