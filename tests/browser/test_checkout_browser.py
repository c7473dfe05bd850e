"""The checkout as a shopper meets it, in a real browser on a phone and on a PC."""

import re
import time

import pytest
import zxingcpp
from PIL import Image
from playwright.sync_api import Page, ViewportSize, expect

from payments.keys import CHECKS_NOW
from tests.browser.conftest import PC, PHONE, Shopper
from tests.ingest.checkout.kit import CODES, Books
from tests.patience import until

WAYS = [(PHONE, "en-GB"), (PHONE, "zh-CN"), (PC, "en-GB"), (PC, "zh-CN")]
NAMES = ["phone, English", "phone, Chinese", "PC, English", "PC, Chinese"]
SHOP = "https://shop.example/orders/1?x=1&y=2"


def title(page: Page) -> str:
    return page.get_by_role("heading", level=1).inner_text()


def sees_the_code(page: Page) -> None:
    """Wait for the picture: the browser asks for it after what stands around it, and once there is nothing to be paid
    any more it is not to be had.
    """
    expect(page.locator(".qr img")).to_have_js_property("complete", True)


def fits(page: Page) -> bool:
    """Whether nothing has to be scrolled sideways."""
    found: bool = page.evaluate(
        "document.documentElement.scrollWidth <= document.documentElement.clientWidth"
    )
    return found


@pytest.mark.parametrize(("size", "language"), WAYS, ids=NAMES)
def test_it_is_shown_whole_with_a_large_amount_and_a_large_code(
    size: ViewportSize, language: str, shopper: Shopper, books: Books
) -> None:
    page = shopper.open(books.open(return_url=SHOP), size=size, language=language)
    chinese = language == "zh-CN"
    assert page.locator("html").get_attribute("lang") == ("zh-Hans" if chinese else "en")
    assert title(page) == ("请扫码支付" if chinese else "Scan to pay")
    amount = page.locator("#amount")
    assert amount.inner_text() == ("¥12.34" if chinese else "CN¥12.34")
    assert amount.evaluate("one => parseFloat(getComputedStyle(one).fontSize)") >= 36
    code = page.get_by_role("img", name="支付宝" if chinese else "Alipay")
    box = code.bounding_box()
    assert box is not None
    assert box["width"] == box["height"] >= 280
    assert box["y"] + box["height"] <= size["height"]  # nobody has to scroll for it
    assert fits(page)
    shopper.shoot(page, "scan")
    books.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("支付成功" if chinese else "Payment received")
    way_back = page.get_by_role("link")
    assert (way_back.get_attribute("href"), "prominent" in str(way_back.get_attribute("class"))) == (
        SHOP,
        True,
    )
    assert fits(page)
    shopper.shoot(page, "paid")


@pytest.mark.parametrize("channel", CODES)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_code_on_the_screen_is_read_as_the_credential(
    scheme: str, channel: str, shopper: Shopper, books: Books
) -> None:
    page = shopper.open(books.open(channel=channel), color_scheme=scheme)
    sees_the_code(page)
    with Image.open(shopper.shoot(page, channel)) as picture:
        (found,) = zxingcpp.read_barcodes(picture.convert("L"))
    assert found.text == CODES[channel]


def test_it_turns_to_paid_by_itself_and_says_so(shopper: Shopper, books: Books) -> None:
    page = shopper.open(books.open())
    page.evaluate("window.same = true")
    expect(page.locator("#asked")).to_contain_text("by itself")
    page.route("**/status", lambda _: None)  # it cannot learn it by looking: it is told
    books.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    assert page.evaluate("window.same") is True
    assert page.title() == "Payment received · CN¥12.34"
    assert (
        page.locator("#news").inner_text() == "Payment received. Thank you. You can go back to the shop now."
    )
    assert page.locator(".qr, #i-have-paid, #clock").count() == 0
    assert re.fullmatch(r"1[45] Nov 2023, \d\d:\d\d", page.locator("time").inner_text())


def test_it_follows_a_payment_from_its_making_to_a_new_attempt(shopper: Shopper, books: Books) -> None:
    page = shopper.open(books.register(), reduced_motion="reduce")
    heading = page.get_by_role("heading", level=1)
    expect(heading).to_have_text("Preparing your payment")
    assert page.locator(".turning").evaluate("one => getComputedStyle(one).animationName") == "none"
    books.open()
    expect(heading).to_have_text("Scan to pay")
    sees_the_code(page)
    books.reverse()
    expect(heading).to_have_text("Payment closed")
    # The stream is over; the page still looks now and then, and whenever it comes to the front or online again.
    books.open(channel="wx_pub_qr", attempt=2)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(heading).to_have_text("Scan to pay")
    expect(page.locator("figcaption")).to_have_text("WeChat")
    sees_the_code(page)
    books.pay()
    expect(heading).to_have_text("Payment received")


def test_the_countdown_runs_and_ends_without_a_reload(shopper: Shopper, books: Books) -> None:
    page = shopper.open(books.open(charge={"time_expire": int(time.time()) + 6}))
    clock = page.get_by_role("timer")
    seen = set()
    while clock.count():
        seen |= set(clock.all_inner_texts())
        page.wait_for_timeout(250)
    assert len(seen) >= 2
    assert all(re.fullmatch("0:0[0-6]", one) for one in seen)
    expect(page.get_by_role("heading", level=1)).to_have_text("Time is up")
    assert page.locator(".qr").count() == 0


def test_without_the_stream_it_polls(shopper: Shopper, books: Books) -> None:
    token = books.open()
    context = shopper.browser.new_context(viewport=PHONE)
    context.route("**/events", lambda route: route.abort())
    page = context.new_page()
    page.goto(f"http://127.0.0.1:{shopper.port}/checkout/{token}")
    page.wait_for_timeout(1_000)
    books.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


def test_it_says_when_it_is_cut_off_and_catches_up(shopper: Shopper, books: Books) -> None:
    page = shopper.open(books.open())
    expect(page.locator("#asked")).to_contain_text("by itself")
    page.context.set_offline(True)
    page.evaluate("window.dispatchEvent(new Event('online'))")
    expect(page.locator("#asked")).to_have_text("No connection just now. We keep trying.")
    books.pay()
    page.context.set_offline(False)
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    shopper.complaints[:] = [one for one in shopper.complaints if "ERR_INTERNET_DISCONNECTED" not in one]


def test_the_button_is_reached_by_key_and_rests_after_use(shopper: Shopper, books: Books) -> None:
    page = shopper.open(books.open(return_url=SHOP))
    button = page.get_by_role("button", name="I have paid")
    page.keyboard.press("Tab")
    expect(button).to_be_focused()
    assert button.evaluate("one => getComputedStyle(one).outlineStyle") == "solid"
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="Back to the shop")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#asked")).to_have_text(
        "We are asking for the result. It appears here as soon as it is known."
    )
    expect(button).to_be_disabled()
    expect(button).to_be_focused()
    until(lambda: books.client.zcard(books.keys.due(CHECKS_NOW)) == 1, "what it says is done")
    books.client.delete(books.keys.due(CHECKS_NOW), books.keys.hastened(books.name()))
    page.keyboard.press("Enter")  # too soon
    expect(button).to_be_enabled()
    assert books.client.zcard(books.keys.due(CHECKS_NOW)) == 0
    books.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")
    expect(page.locator("main")).to_be_focused()  # what had the focus is gone


def test_without_scripts_it_shows_the_code_and_the_result(shopper: Shopper, books: Books) -> None:
    page = shopper.open(books.open(), java_script_enabled=False)
    with Image.open(shopper.shoot(page, "no script")) as picture:
        (found,) = zxingcpp.read_barcodes(picture.convert("L"))
    assert found.text == CODES["alipay_qr"]
    page.get_by_role("button").click()
    expect(page.locator("#asked")).to_contain_text("We are asking for the result.")
    assert page.url.endswith("?asked")
    assert books.client.zcard(books.keys.due(CHECKS_NOW)) == 1
    books.pay()
    expect(page.get_by_role("heading", level=1)).to_have_text("Payment received")


@pytest.mark.parametrize("language", ["en-GB", "zh-CN"])
def test_nothing_is_cut_off_on_the_smallest_screen_nor_at_double_size(
    language: str, shopper: Shopper, books: Books
) -> None:
    books.open(1, subject="W" * 32, amount=99_999_999_999, return_url=SHOP, livemode=False)
    books.open(2, "isv_wap", return_url=SHOP)
    books.open(3, "upacp_scan")
    books.open(4, charge={"time_expire": 1})
    books.open(5, subject="W" * 32, amount=99_999_999_999)
    books.pay(5)
    books.refund(5)
    books.register(6)
    books.refuse(6)
    for size in (ViewportSize(width=320, height=568), ViewportSize(width=640, height=400)):
        for number in range(1, 8):  # the last is not there
            page = shopper.open(books.token(number), size=size, language=language)
            assert fits(page), (size, number)
            assert page.get_by_role("main").count() == page.get_by_role("banner").count() == 1
            assert page.get_by_role("heading", level=1).count() == 1
            shopper.shoot(page, f"{size['width']}-{number}-{language}")
            page.close()
    shopper.complaints[:] = [one for one in shopper.complaints if "404 (Not Found)" not in one]
