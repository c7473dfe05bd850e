"""The whole story in a real browser with the real processes: buy in the shop, pay as the customer, be refunded."""

import re
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.conftest import PATIENCE_MS, PC, PHONE
from tests.browser.test_checkout_browser import fits, sees_the_code
from tests.flow.kit import ALL, TOKEN, System, running


@pytest.fixture(scope="module")
def system(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """All processes. Asks for the browser, so that where there is none nothing is started."""
    assert browser.is_connected()
    if sys.platform != "linux":
        pytest.skip("processes are looked up in /proc")
    directory = tmp_path_factory.mktemp("system")
    with running(directory, *ALL) as started:
        yield started
    logs = {path.name: path.read_text() for path in directory.glob("*.log")}
    assert set(logs) >= {"sandbox.log", "receiver.log"}
    assert [name for name, text in logs.items() if TOKEN in text] == []


@dataclass
class Tabs:
    """Opens pages on the system, and hears what the browser complains of."""

    browser: Browser
    system: System
    complaints: list[str]

    def open(self, path: str = "/shop/", **how: Any) -> Page:
        page = self.browser.new_page(**{"viewport": PC, "locale": "en-GB", **how})
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: self.complaints.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(path if "://" in path else f"{self.system.sandbox_url}{path}")
        return page

    def buy(self, page: Page, good: str, channel: str) -> None:
        page.goto(f"{self.system.sandbox_url}/shop/")
        page.locator(f"input[value={good}]").check()
        page.locator(f"input[value={channel}]").check()
        page.locator(".buy button").click()


@pytest.fixture
def tabs(browser: Browser, system: System) -> Iterator[Tabs]:
    """Whatever the browser says on its console is a failure, violations of the CSP included."""
    one = Tabs(browser, system, [])
    yield one
    for context in browser.contexts:
        context.close()
    assert one.complaints == []


def badge(page: Page) -> Any:
    return expect(page.locator("h1 .badge"))


def test_from_the_shop_to_the_refund(tabs: Tabs, tmp_path: Path) -> None:
    shopper = tabs.open()
    tabs.buy(shopper, "tea", "alipay_qr")
    expect(shopper).to_have_url(re.compile(rf"^{tabs.system.url}/checkout/"))
    sees_the_code(shopper)
    expect(shopper.get_by_role("img", name="Alipay")).to_be_visible()
    expect(shopper.locator("#asked")).to_contain_text("by itself")

    customer = tabs.open("/sandbox/", viewport=PHONE)
    customer.get_by_role("button", name="Scan & pay").click()
    began = time.monotonic()
    expect(shopper.get_by_role("heading", level=1)).to_have_text("Payment received")
    print(f"the checkout turned to paid after {time.monotonic() - began:.2f} s")
    shopper.get_by_role("link", name="Back to the shop").click()
    badge(shopper).to_have_text("Paid")
    assert re.search(r"/shop/orders/tea\d{12}[a-z0-9]{4}$", shopper.url)

    shopper.get_by_role("textbox", name="Amount").fill("8.50")
    shopper.get_by_role("button", name="Refund a part").click()
    badge(shopper).to_have_text("Partly refunded")  # by itself, when the channel has granted it
    shopper.screenshot(path=tmp_path / "partly.png", full_page=True)
    shopper.get_by_role("button", name="Refund the rest · CN¥29.50").click()
    badge(shopper).to_have_text("Refunded")
    expect(shopper.get_by_text("CN¥29.50 · succeeded")).to_be_visible()
    shopper.get_by_role("link", name="All goods").click()
    order = shopper.locator(".orders li").first
    expect(order).to_contain_text("Longjing tea")
    expect(order).to_contain_text("Refunded")
    types = [one["type"].rpartition(".")[2] for one in tabs.system.messages()]
    assert types == ["paid", "refunded", "refunded"]


def test_at_the_till_each_code_has_its_end(tabs: Tabs) -> None:
    till = tabs.open()
    tabs.buy(till, "fan", "alipay_scan")
    expect(till.get_by_label("Payment code")).to_be_focused()
    till.get_by_role("button", name="Paid at once").click()
    badge(till).to_have_text("Paid")

    tabs.buy(till, "fan", "alipay_scan")
    till.get_by_role("button", name="Answer lost").click()
    badge(till).to_have_text("Paid")

    tabs.buy(till, "fan", "wx_pub_scan")
    till.get_by_role("button", name="The wallet will not pay").click()
    badge(till).to_have_text("Not paid")
    till.get_by_role("link", name="Scan another code").click()
    till.get_by_label("Payment code").fill("920000000000000000")
    till.keyboard.press("Enter")
    badge(till).to_have_text("To be paid")
    address = till.get_by_role("link", name="Pay as the customer").get_attribute("href")
    customer = tabs.open(str(address), viewport=PHONE)
    customer.get_by_role("button", name="Confirm password").click()
    badge(till).to_have_text("Paid")


def test_on_the_phone_the_charge_goes_to_the_client_and_the_order_can_be_closed(tabs: Tabs) -> None:
    shopper = tabs.open(viewport=PHONE)
    tabs.buy(shopper, "mint", "isv_wap")
    expect(shopper.get_by_text("pingpp.createPayment(charge")).to_be_visible()
    checkout = shopper.get_by_role("link", name="To the payment page").get_attribute("href")
    charge = shopper.request.get(f"{checkout}/charge").json()
    assert charge["extra"]["result_url"] == shopper.url
    shopper.get_by_text("The Charge", exact=True).click()
    expect(shopper.get_by_text(charge["id"]).first).to_be_visible()
    shopper.get_by_role("button", name="Close the order").click()
    badge(shopper).to_have_text("Closed")


def test_without_scripts_it_works_too(tabs: Tabs) -> None:
    shopper = tabs.open(java_script_enabled=False, locale="zh-CN", viewport=PHONE)
    tabs.buy(shopper, "cup", "isv_scan")
    shopper.get_by_role("button", name="创建请求返回尚未支付的").click()
    badge(shopper).to_have_text("待支付")
    address = shopper.get_by_role("link", name="扮演顾客付款").get_attribute("href")
    customer = tabs.open(str(address))
    customer.get_by_role("button", name="Confirm password").click()
    badge(shopper).to_have_text("已支付")
    expect(shopper.get_by_role("button", name="全额退款")).to_be_visible()


@pytest.mark.parametrize(("width", "language"), [(320, "en-GB"), (390, "zh-CN"), (1280, "en-GB")])
def test_nothing_is_cut_off(width: int, language: str, tabs: Tabs, tmp_path: Path) -> None:
    page = tabs.open(viewport={"width": width, "height": 800}, locale=language)
    tabs.buy(page, "cup", "upacp_scan")
    till = page.url
    page.locator(".code").first.click()
    for name, path in (("order", page.url), ("till", till), ("shop", "/shop/")):
        page.goto(path if "://" in path else f"{tabs.system.sandbox_url}{path}")
        assert fits(page), (name, width)
        assert page.locator("html").get_attribute("lang") == ("zh-CN" if language == "zh-CN" else "en")
        assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
        small = [
            box
            for one in page.locator("button, .button").all()
            if (box := one.bounding_box()) and box["height"] < 44
        ]
        assert small == [], "a thumb must hit them"
        page.screenshot(path=tmp_path / f"{name}-{width}-{language}.png", full_page=True)
