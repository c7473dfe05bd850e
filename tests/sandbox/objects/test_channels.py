"""What sets the channels apart at the sandbox: what comes back, and what a payment adds."""

import base64
import json
import re
from typing import Any
from urllib.parse import unquote

import pytest

from sandbox.objects.channels import CHANNELS
from tests.sandbox.kit import EXTRA

HOUR, DAY = 3_600, 86_400
# QR guide: what each channel's credential looks like.
SHAPES = {
    "alipay_qr": r"https://qr\.alipay\.com/\w+",
    "wx_pub_qr": r"weixin://wxpay/bizpayurl\?pr=\w{7}",
    "cb_alipay_qr": r"https://qr\.alipay\.com/\w+",
    "cb_wx_pub_qr": r"weixin://wxpay/bizpayurl\?pr=\w{7}",
    "upacp_qr": r"https://qr\.95516\.com/00010001/\d+",
    "ccb_qr": r"\d{22}",
}
WALLETS = {
    "wx": r"weixin://.*",
    "alipay": r"https://qr\.alipay\.com/.*",
    "bfb": r"https://www\.baifubao\.com/.*",
}


def charge(channel: str, **extra: Any) -> dict[str, Any]:
    return {
        "id": "ch_1", "channel": channel, "order_no": "123456789", "amount": 100, "subject": "S",
        "extra": {**EXTRA.get(channel, {}), **extra},
    }  # fmt: skip


def credential(channel: str, **extra: Any) -> str:
    made = CHANNELS[channel].credential
    assert made is not None
    return made(charge(channel, **extra))


@pytest.mark.parametrize("channel", SHAPES)
def test_a_credential_has_the_shape_of_its_channel(channel: str) -> None:
    assert re.fullmatch(SHAPES[channel], credential(channel))
    assert credential(channel) != credential(channel)


@pytest.mark.parametrize("wallet", WALLETS)
def test_an_isv_qr_is_that_of_its_wallet(wallet: str) -> None:
    assert re.fullmatch(WALLETS[wallet], credential("isv_qr", pay_channel=wallet))


@pytest.mark.parametrize(("wallet", "word"), [("wx", "WXP"), ("alipay", "ALP")])
def test_a_payment_page_is_told_of_the_order(wallet: str, word: str) -> None:
    page, _, data = credential("isv_wap", pay_channel=wallet).partition("?data=")
    assert page == "https://api.shou.money/scanpay/unified"
    told = json.loads(base64.b64decode(unquote(data)))
    assert (told["orderNum"], told["txamt"], told["chcd"]) == ("123456789", "000000000100", word)
    assert told["frontUrl"] == EXTRA["isv_wap"]["result_url"]


def test_at_the_till_nothing_comes_back() -> None:
    tills = {name for name, one in CHANNELS.items() if one.credential is None}
    assert tills == {name for name in CHANNELS if name.endswith("_scan")}


@pytest.mark.parametrize("channel", CHANNELS)
def test_what_it_needs_is_what_is_refused_when_it_is_wrong(channel: str) -> None:
    row = CHANNELS[channel]
    for name, form in row.forms.items():
        assert not form.fits(7), name
        given = EXTRA.get(channel, {}).get(name)
        assert given is None or form.fits(given), name
    assert set(row.required) <= EXTRA.get(channel, {}).keys()
    assert row.home is not channel.startswith("cb_")


@pytest.mark.parametrize(
    ("channel", "adds"),
    [
        ("alipay_qr", {"buyer_account"}),
        ("wx_pub_qr", {"open_id", "bank_type"}),
        ("cb_alipay_qr", {"buyer_account", "buyer_user_id", "rate"}),
        ("isv_qr", {"pay_channel", "buyer_account", "channel_discount", "merchant_discount"}),
    ],
)
def test_a_payment_adds_who_paid(channel: str, adds: set[str]) -> None:
    assert CHANNELS[channel].buyer(charge(channel)).keys() == adds
    assert CHANNELS["isv_qr"].buyer(charge("isv_qr", pay_channel="alipay"))["pay_channel"] == "alipay"


@pytest.mark.parametrize(
    ("channel", "expires", "most", "once"),
    [
        ("alipay_qr", DAY, 15 * DAY, False),
        ("wx_pub_qr", 2 * HOUR, 7 * DAY, True),
        ("isv_scan", DAY, 15 * DAY, True),
    ],
)
def test_bounds_of_time_and_number(channel: str, expires: int, most: int, once: bool) -> None:
    row = CHANNELS[channel]
    assert (row.expires, row.expires_most, row.order_no_once) == (expires, most, once)
