"""The page on which a person plays the customer."""

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import httpx
import pytest

from sandbox.objects.scan import EXAMPLES, PASSWORD_UNPAID
from sandbox.pages.words import CHINESE, ENGLISH
from tests.patience import PATIENCE_S, until_async
from tests.sandbox.kit import LIVE_KEY, TEST_KEY, Rig, order
from tests.sandbox.program import Program

pytestmark = pytest.mark.anyio

TILL: dict[str, Any] = {
    "channel": "isv_scan",
    "extra": {"scan_code": EXAMPLES[PASSWORD_UNPAID], "terminal_id": "T0000001"},
}


class Forms(HTMLParser):
    """The forms of a page: where each leads, what it carries, and what its button says."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: dict[str, tuple[dict[str, str], str]] = {}
        self._action = self._label = ""
        self._carried: dict[str, str] = {}
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._action, self._carried, self._label = given["action"], {}, ""
        elif tag == "input":
            self._carried[given["name"]] = given.get("value", "")

    def handle_data(self, data: str) -> None:
        self._label = data.strip() or self._label

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self.found[self._action] = (self._carried, self._label)


async def page(rig: Rig, path: str = "/sandbox/", language: str = "en", status: int = 200) -> str:
    answer = await rig.http.get(path, headers={"accept-language": language})
    assert answer.status_code == status
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    return answer.text


async def press(rig: Rig, at: str, action: str, **typed: str) -> str:
    """Presses the one button that leads to `action` on a page; returns the page that follows."""
    forms = Forms(await page(rig, at)).found
    (found,) = [one for one in forms if one.endswith(action)]
    answer = await rig.http.post(found, data={**forms[found][0], **typed})
    assert answer.status_code == 303
    return str(answer.headers["location"])


def settle_after(rig: Rig) -> float | None:
    return rig.world.settling.after


def actions(page: str, charge: Any) -> set[str]:
    beginning = f"/sandbox/page/charges/{charge['id']}/"
    return {one.removeprefix(beginning) for one in Forms(page).found if one.startswith(beginning)}


async def test_what_is_to_be_paid_is_shown(rig: Rig) -> None:
    assert "Nothing to pay yet" in await page(rig)
    charge = await rig.create(amount=123_456, order_no="order1")
    yen = await rig.create(channel="cb_alipay_qr", currency="jpy", headers=LIVE_KEY)
    shown = await page(rig)
    for text in ("order1", "1,234.56 CNY", "100 JPY", "alipay_qr", "cb_alipay_qr", "to be paid", " live "):
        assert text in shown
    for one in (charge, yen):
        assert one["credential"][one["channel"]] in shown
    assert shown.index(yen["id"]) < shown.index(charge["id"]), "newest first"


async def test_the_customer_scans_and_pays(rig: Rig) -> None:
    charge = await rig.create()
    assert actions(await page(rig), charge) == {"pay", "give_up", "expire"}
    assert await press(rig, "/sandbox/", "/pay") == f"/sandbox/#{charge['id']}"
    paid = await rig.get(f"/v1/charges/{charge['id']}")
    assert paid["paid"] is True
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    shown = await page(rig)
    assert paid["transaction_no"] in shown
    assert actions(shown, charge) == {"refund"}
    # The webhook is on the page too.
    for text in (rig.receiver.events[0]["id"], "charge.succeeded", ">200<", "delivered"):
        assert text in shown


async def test_a_password_is_confirmed_or_not(rig: Rig) -> None:
    first, second = await rig.create(**TILL), await rig.create(**{**TILL, "order_no": "987654321"})
    shown = await page(rig)
    assert TILL["extra"]["scan_code"] in shown
    assert Forms(shown).found[f"/sandbox/page/charges/{first['id']}/pay"][1] == "Confirm password"
    await press(rig, "/sandbox/", f"{first['id']}/pay")
    await press(rig, "/sandbox/", f"{second['id']}/give_up")
    assert (await rig.get(f"/v1/charges/{first['id']}"))["paid"] is True
    given_up = await rig.get(f"/v1/charges/{second['id']}")
    assert given_up["failure_code"] == "channel_response_code_fail"
    shown = await page(rig)
    assert actions(shown, second) == set()
    assert given_up["failure_msg"] in shown


async def test_a_charge_expires(rig: Rig) -> None:
    charge = await rig.create()
    await press(rig, "/sandbox/", "/expire")
    assert (await rig.post(f"/sandbox/charges/{charge['id']}/pay", status=409))["code"] == "expired"
    shown = await page(rig)
    assert actions(shown, charge) == set()
    assert ">expired<" in shown


async def test_money_is_given_back_and_the_channel_decides(rig: Rig) -> None:
    charge = await rig.paid()
    await press(rig, "/sandbox/", "/settle", settle="never")
    assert settle_after(rig) is None
    await press(rig, "/sandbox/", "/refund", amount="30")
    await press(rig, "/sandbox/", "/refund", amount="")
    rest, part = (await rig.get(f"/v1/charges/{charge['id']}/refunds"))["data"]
    assert (part["amount"], rest["amount"]) == (30, 70)
    await press(rig, "/sandbox/", f"{part['id']}/succeed")
    await press(rig, "/sandbox/", f"{rest['id']}/fail")
    ended = (await rig.get(f"/v1/charges/{charge['id']}/refunds"))["data"]
    assert [one["status"] for one in ended] == ["failed", "succeeded"]
    shown = await page(rig)
    for text in ("0.30 CNY · succeeded", "0.70 CNY · failed", "partly refunded"):
        assert text in shown
    await press(rig, "/sandbox/", "/refund")
    await press(rig, "/sandbox/", "/settle", settle="soon")
    assert settle_after(rig) == 1.0
    (last,) = (await rig.get(f"/v1/charges/{charge['id']}/refunds", params={"limit": 1}))["data"]
    await press(rig, "/sandbox/", f"{last['id']}/succeed")
    shown = await page(rig)
    assert ">refunded<" in shown
    assert actions(shown, charge) == set()


async def test_time_is_moved_on(rig: Rig) -> None:
    for by in ("minute", "hour", "day"):
        assert await press(rig, "/sandbox/", "/advance", by=by) == "/sandbox/#settings"
    assert (await rig.get("/sandbox/clock"))["advanced"] == 60 + 3_600 + 86_400
    await press(rig, "/sandbox/", "/advance", by="century")
    assert (await rig.get("/sandbox/clock"))["advanced"] == 60 + 3_600 + 86_400


@pytest.mark.parametrize(
    ("action", "typed", "code"),
    [
        ("pay", {}, "already_paid"),
        ("refund", {"amount": "101"}, "invalid"),
        ("refund", {"amount": "x"}, "invalid"),
    ],
)
async def test_what_cannot_be_done_is_said(rig: Rig, action: str, typed: dict[str, str], code: str) -> None:
    charge = await rig.paid()
    answer = await rig.http.post(f"/sandbox/page/charges/{charge['id']}/{action}", data=typed)
    assert answer.status_code == 303
    assert answer.headers["location"] == f"/sandbox/?problem={code}"
    assert ENGLISH[f"problem_{code}"] in await page(rig, answer.headers["location"])
    assert "<script>" not in await page(rig, "/sandbox/?problem=<script>")


async def test_an_order_is_found(rig: Rig) -> None:
    first, second = await rig.create(order_no="first"), await rig.create(order_no="second")
    shown = await page(rig, "/sandbox/?order_no=first")
    assert first["id"] in shown
    assert second["id"] not in shown
    # And still is after a button was pressed.
    assert await press(rig, "/sandbox/?order_no=first", "/pay") == f"/sandbox/?order_no=first#{first['id']}"


async def test_one_charge_is_paid_as_on_a_phone(rig: Rig) -> None:
    charge = await rig.create(amount=500, channel="isv_qr", extra={"pay_channel": "wx", "terminal_id": "T1"})
    at = f"/sandbox/pay/{charge['id']}"
    shown = await page(rig, at)
    for text in ("WeChat Pay", "5.00 CNY", charge["subject"], charge["order_no"]):
        assert text in shown
    assert await press(rig, at, "/give_up") == at
    assert await press(rig, at, "/pay") == at
    assert (await rig.get(f"/v1/charges/{charge['id']}"))["paid"] is True
    assert Forms(await page(rig, at)).found == {}
    again = await rig.http.post(f"/sandbox/page/charges/{charge['id']}/pay", data={"phone": "1"})
    assert again.headers["location"] == f"{at}?problem=already_paid"
    assert "There is no such charge" in await page(rig, "/sandbox/pay/ch_unknown", status=404)


async def test_nothing_of_an_order_is_taken_for_a_part_of_the_page(rig: Rig) -> None:
    evil = '<script>alert("1")</script>'
    charge = await rig.create(subject=evil, order_no=evil, body=evil)
    for path in ("/sandbox/", f"/sandbox/pay/{charge['id']}", f"/sandbox/?order_no={evil}"):
        shown = await page(rig, path)
        assert "<script>" not in shown
        assert "&lt;script&gt;" in shown


async def test_the_page_needs_nothing_from_elsewhere(rig: Rig) -> None:
    charge = await rig.create()
    for path in ("/sandbox/", f"/sandbox/pay/{charge['id']}"):
        answer = await rig.http.get(path)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; style-src 'self'; script-src 'self'; ")
        assert "unsafe" not in policy
        assert " style=" not in answer.text
        assert " on" not in " ".join(re.findall(r"<[^>]*>", answer.text)).replace(" one", "")
        addresses = re.findall(r'(?:src|href|action)="([^"]*)"', answer.text)
        assert all(one.startswith("/sandbox/") for one in addresses)
        for one in {one for one in addresses if "/static/" in one}:
            assert (await rig.http.get(one)).status_code == 200, one


async def test_it_is_chinese_for_those_who_read_it(rig: Rig) -> None:
    await rig.create()
    await rig.paid(order_no="paid")
    english, chinese = await page(rig), await page(rig, language="zh-CN,zh;q=0.9,en;q=0.8")
    assert '<html lang="en">' in english
    assert '<html lang="zh-CN">' in chinese
    assert CHINESE["scan_and_pay"] in chinese
    assert not [
        word for word in ENGLISH.values() if re.search(r"[a-z] [a-z]{3}", word) and f">{word}<" in chinese
    ]


async def test_the_first_address_leads_to_the_page(rig: Rig) -> None:
    answer = await rig.http.get("/")
    assert (answer.status_code, answer.headers["location"]) == (307, "/sandbox/")


@pytest.mark.skipif(not Path("/usr/bin/chromium").exists(), reason="there is no chromium")
@pytest.mark.parametrize("script", [True, False])
def test_a_browser_shows_it_on_a_phone(start: Callable[..., Program], script: bool) -> None:
    from playwright.sync_api import expect, sync_playwright

    program = start()
    for number, changes in enumerate(({}, TILL, {"channel": "upacp_qr"})):
        content = order(**{"order_no": f"{number}" * 30, **changes})
        httpx.post(f"{program.url}/v1/charges", json=content, headers=TEST_KEY).raise_for_status()
    said: list[str] = []
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        context = browser.new_context(viewport={"width": 360, "height": 740}, java_script_enabled=script)
        context.set_default_timeout(PATIENCE_S * 1000)
        tab = context.new_page()
        tab.on("console", lambda message: said.append(message.text))
        tab.on("pageerror", lambda error: said.append(str(error)))
        tab.goto(f"{program.url}/sandbox/")
        if script:
            assert tab.evaluate("document.documentElement.scrollWidth") <= 360
        small = [
            box for one in tab.locator("button").all() if (box := one.bounding_box()) and box["height"] < 44
        ]
        assert small == [], "a thumb must hit them"
        tab.get_by_role("button", name="Scan & pay").first.click()
        tab.get_by_role("button", name="Confirm password").click()
        tab.get_by_role("button", name="Scan & pay").click()
        expect(tab.get_by_role("button", name="Refund")).to_have_count(3)
        if script:
            content = order(order_no="comes by itself")
            httpx.post(f"{program.url}/v1/charges", json=content, headers=TEST_KEY).raise_for_status()
            tab.get_by_text("comes by itself").wait_for()
            tab.goto(f"{program.url}/sandbox/?problem=expired")
            expect(tab.get_by_role("alert")).to_have_count(1)
            assert tab.url == f"{program.url}/sandbox/", "said once"
        browser.close()
    assert said == []
    charges = httpx.get(f"{program.url}/sandbox/charges").json()["charges"]
    assert [one["paid"] for one in charges][-3:] == [True] * 3
