"""The table of channels: what each needs and allows. Each payment is checked by it before Ping++ is called.

Where the sources are not sure, the table takes the looser reading: a refusal by Ping++ does little harm, but
what we refuse wrongly cannot be sold.
"""

import math
import re
from base64 import b32encode
from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any

from payments.channels.channel import CLOSE_BY, Channel, Shown, Window
from payments.channels.rules import (
    DAY,
    HOUR,
    LARGEST,
    Address,
    Field,
    Objects,
    OneOf,
    Text,
    Whole,
    Wrong,
    extra_problems,
    metadata_problems,
)

MOST_ATTEMPTS = 100  # at one payment


def find(channel: str) -> Channel:
    """The channel with this name; one that is not in the table gets the common rules only."""
    return CHANNELS.get(channel) or replace(UNKNOWN, name=channel)


def problems(request: Mapping[str, Any], *, now: float, attempt: int = 1) -> list[Wrong]:
    """What is wrong with the merchant's request for a payment, at `now` in Unix seconds. Unknown fields are
    left to the caller, unknown `extra` to Ping++. From the second attempt on, the order_no is made to fit the
    channel.
    """
    name = request.get("channel")
    channel = find(name if isinstance(name, str) else "")
    expires = f"an integer, Unix seconds, {channel.expires_least} to {channel.expires_most} seconds from now"
    least, most = math.ceil(now) + channel.expires_least, math.floor(now) + channel.expires_most
    fields = (
        Field("order_no", (channel if attempt == 1 else UNKNOWN).order_no, required=True),
        Field("amount", AMOUNT, required=True),
        Field("currency", channel.currency, required=True),
        Field("channel", _NAME, required=True),
        Field("subject", channel.subject, required=True),
        Field("body", channel.body, required=True),
        Field("client_ip", Address(), required=True),
        Field("time_expire", Whole(least, most, said=expires)),
        Field("description", DESCRIPTION),
    )
    found = [one for field in fields for one in field.problems("", request)]
    return [
        *found,
        *extra_problems(channel.extra, request.get("extra")),
        *metadata_problems(request.get("metadata")),
    ]


def attempt_order_no(order_no: str, number: int, channel: str) -> str:
    """The order_no at Ping++ of the n-th attempt at a payment: first the merchant's own, then a new one each
    time.

    A digest of the merchant's order_no keeps it apart from other orders, also where only the beginning of
    that fits in. Every channel takes letters and digits. Raises ValueError for a number out of range.
    """
    if not 1 <= number <= MOST_ATTEMPTS:
        raise ValueError(f"attempts are numbered from 1 to {MOST_ATTEMPTS}")
    if number == 1:
        return order_no
    digest = blake2b(f"{number}|{order_no}".encode("utf-8", "surrogatepass"), digest_size=10).digest()
    suffix = f"r{number}{b32encode(digest).decode()[:12].lower()}"
    row = find(channel)
    # Ping++ docs: 8 to 20 letters and digits are advised, so a channel that we do not know will take them
    # too.
    longest = row.order_no.longest if row.known else 20
    return re.sub(r"[^A-Za-z0-9]", "", order_no)[: (longest or 0) - len(suffix)] + suffix


def qr_text(charge: Mapping[str, Any]) -> str | None:
    """The text of the QR code that the payer scans; None where the channel or the charge has none."""
    name, credential = charge.get("channel"), charge.get("credential")
    # An empty hash can arrive as a list (Ping++ docs).
    if not isinstance(name, str) or not isinstance(credential, Mapping):
        return None
    text = credential.get(name) if find(name).shown == "QR to the payer" else None
    return text if isinstance(text, str) and text else None


def for_client(charge: Mapping[str, Any]) -> dict[str, Any] | None:
    """The Charge exactly as Ping++ gave it, where the client's SDK needs it; None for all other channels."""
    name = charge.get("channel")
    wanted = isinstance(name, str) and find(name).shown == "Charge to the client"
    return dict(charge) if wanted and charge.get("credential") else None


AMOUNT = Whole(1)
DESCRIPTION = Text(0, 255)  # unsure
_NAME = Text(1, 32, r"[a-z0-9_]+", "lower-case letters, digits or underscores")


def _order_no(shortest: int, longest: int) -> Text:
    # Ping++ docs: bounds by channel. They advise letters and digits alone; _ and - are common and left to
    # Ping++.
    return Text(shortest, longest, r"[A-Za-z0-9_-]+", "letters, digits, underscores or hyphens")


UNKNOWN = Channel(
    name="",
    order_no=Text(1, 64, r"[!-~]+", "visible ASCII characters"),
    currency=Text(3, 3, r"[a-z]{3}", said="three lower-case letters"),
    credential="unknown",
    shown="nothing",
    expires_most=30 * DAY,  # the most of any channel
    known=False,
)

# Currencies. QR guide and SDK example; which foreign ones Ping++ takes is not documented.
_CNY = OneOf(("cny",))
_FOREIGN = Text(3, 3, r"(?!cny)[a-z]{3}", said="three lower-case letters, not cny")

# Order numbers. Ping++ docs; that wx_pub_qr needs two characters is unsure, so one will do.
_ALIPAY_NO, _WX_NO, _UPACP_NO = _order_no(1, 64), _order_no(1, 32), _order_no(8, 40)
CCB_NO, _ISV_NO = _order_no(1, 30), _order_no(8, 32)

# Members of extra. SDK example where nothing else is said; the bounds that are missing there are unsure.
_PRODUCT = Field("product_id", Text(1, 32), required=True)
_LIMIT_PAY = Field("limit_pay", OneOf(("no_credit",)))
_GOODS_TAG = Field("goods_tag", Text())
_URL = Text(pattern=r"https?://\S+", said="a URL that begins with http:// or https://")
# isv_wap perhaps takes only alipay and wx: some samples say so, others do not.
_PAY_CHANNEL = Field("pay_channel", OneOf(("alipay", "wx", "bfb")), required=True)
_TERMINAL = Field("terminal_id", Text())
_ISV_TERMINAL = Field("terminal_id", Text(1, 8, r"[A-Za-z0-9]+", "letters or digits"), required=True)
_ISV_GOODS = Field("goods_list", Objects(longest=8000))
_ISV_SCAN_CODE = Field("scan_code", Text(1, 32, r"[!-~]+", "visible ASCII characters"), required=True)
# unsure: no bound is known but for isv_scan. A blank, which a scanner may add, is no part of a code.
_SCAN_CODE = Field("scan_code", Text(1, 64, r"[!-~]+", "visible ASCII characters"), required=True)


def _goods(most: int) -> Field:
    # QR guide: goods_num is a string there. SDK example: on cb_wx_pub_scan from 1 to 5500.
    number = Field("goods_num", Whole(1, most, digits_too=True), required=True)
    return Field(
        "goods_list", Objects(1, (Field("goods_name", Text(), required=True), number)), required=True
    )


# Values that several channels share.
UNIONPAY_SUBJECT = Text(1, 32, of="bytes")  # Ping++ docs
_WX_EXPIRES: dict[str, Any] = {"expires": 2 * HOUR, "expires_most": 7 * DAY}  # Ping++ docs
_CLOSELY: dict[str, Any] = {"watch": CLOSE_BY, "reverse": "also_paid"}  # reverse: SDK example
_SCAN: dict[str, Any] = {"credential": "nothing", "shown": "nothing", **_CLOSELY}  # QR guide: {}
_QR: Shown = "QR to the payer"  # QR guide
# Ping++ docs: windows. That days are Chinese ones, and days of the payment, is unsure.
_SAME_DAY = Window("the same day")
_UNIONPAY_DAY = Window("the UnionPay day, from 23:00 to 23:00", begins_before=1)
_WX_WINDOW = Window("7 days", 7 * DAY)

# Where `reverse` is left out, Ping++ docs do not say that the channel can reverse; we refuse it, which is
# unsure.
TABLE = (
    Channel("alipay_qr", _ALIPAY_NO, _CNY, "https URL", _QR, reverse="unpaid"),  # reverse: Ping++ docs
    Channel(
        "wx_pub_qr",
        _WX_NO,
        _CNY,
        "weixin URL",
        _QR,
        (_PRODUCT, _LIMIT_PAY, _GOODS_TAG),
        reverse="unpaid",
        reverse_may_be_early=True,
        **_WX_EXPIRES,
    ),
    # unsure: no sample of its extra nor of its credential
    Channel("cb_alipay_qr", _ALIPAY_NO, _FOREIGN, "https URL", _QR),
    Channel(
        "cb_wx_pub_qr",
        _WX_NO,
        _FOREIGN,
        "weixin URL",
        _QR,
        (_PRODUCT, _goods(LARGEST), _LIMIT_PAY),
        **_WX_EXPIRES,
    ),
    Channel(
        "upacp_qr",
        _UPACP_NO,
        _CNY,
        "https URL",
        _QR,
        (Field("result_url", _URL),),  # QR guide; that it may be left out is unsure
        UNIONPAY_SUBJECT,
        expires_most=30 * DAY,  # Ping++ docs
    ),
    Channel(
        "ccb_qr",
        CCB_NO,
        _CNY,
        "digits",
        _QR,
        # QR guide; that they may be left out is unsure. return_type is sent as a number, answered as a
        # string.
        (Field("pos_id", Text()), Field("remark", Text(0)), Field("return_type", Whole(digits_too=True))),
    ),
    Channel(
        "isv_qr",
        _ISV_NO,
        _CNY,
        "link of the wallet",
        _QR,
        (_PAY_CHANNEL, _ISV_TERMINAL, _ISV_GOODS),
        window=_SAME_DAY,
        **_CLOSELY,
    ),
    Channel(
        "isv_wap",
        _ISV_NO,
        _CNY,
        "URL of a payment page",
        "Charge to the client",
        (_PAY_CHANNEL, _ISV_TERMINAL, Field("result_url", _URL, required=True), _ISV_GOODS),
        window=_SAME_DAY,
        **_CLOSELY,
    ),
    Channel(
        "isv_scan",
        _ISV_NO,
        _CNY,
        extra=(_ISV_SCAN_CODE, _ISV_TERMINAL, _ISV_GOODS),
        window=_SAME_DAY,
        **_SCAN,
    ),
    Channel(
        "alipay_scan",
        _ALIPAY_NO,
        _CNY,
        extra=(
            _SCAN_CODE,
            replace(_TERMINAL, required=True),
            Field("goods_list", Objects()),
            Field("operator_id", Text()),
            Field("store_id", Text()),
            Field("sys_service_provider_id", Text()),
        ),
        window=Window("24 hours", DAY),
        **_SCAN,
    ),
    Channel(
        "wx_pub_scan",
        _WX_NO,
        _CNY,
        extra=(_SCAN_CODE, _TERMINAL, _LIMIT_PAY, _GOODS_TAG),
        window=_WX_WINDOW,
        **_SCAN,
        **_WX_EXPIRES,
    ),
    Channel("cb_alipay_scan", _ALIPAY_NO, _FOREIGN, extra=(_SCAN_CODE,), **_SCAN),  # unsure: extra, window
    Channel(
        "cb_wx_pub_scan",
        _WX_NO,
        _FOREIGN,
        # unsure: terminal_id is required in one sample, and not in three
        extra=(_SCAN_CODE, _goods(5500), _LIMIT_PAY, _TERMINAL),
        window=_WX_WINDOW,
        **_SCAN,
        **_WX_EXPIRES,
    ),
    Channel(
        "upacp_scan",
        _UPACP_NO,
        _CNY,
        extra=(_SCAN_CODE,),  # unsure
        subject=UNIONPAY_SUBJECT,
        window=_UNIONPAY_DAY,
        **_SCAN,
    ),
)
CHANNELS: dict[str, Channel] = {one.name: one for one in TABLE}
