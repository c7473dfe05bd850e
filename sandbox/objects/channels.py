"""The rules of each channel: bounds, credentials, and what a payment adds to the charge."""

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

import msgspec

from sandbox import ids

Object = dict[str, Any]
DAY = 86_400
HOUR = 3_600
MINUTE = 60


@dataclass(frozen=True)
class Form:
    """The form that a member of `extra` must have, if it is given."""

    fits: Callable[[Any], bool]
    words: str


@dataclass(frozen=True)
class Channel:
    #: shortest and longest length
    order_no: tuple[int, int]
    #: makes the credential; None: the customer shows a code, so there is no credential
    credential: Callable[[Object], str] | None
    #: makes the members that a payment adds to `extra`
    buyer: Callable[[Object], Object]
    #: members that `extra` must have
    required: tuple[str, ...] = ()
    #: forms of members of `extra`, required or not
    forms: dict[str, Form] = field(default_factory=dict)
    #: which charges can be reversed; `paid`: paid ones too
    reverse: Literal["unpaid", "paid", "never"] = "never"
    #: for how long a paid charge can be reversed: in seconds, or until the end of a day
    reverse_within: int | Literal["same_day", "unionpay_day"] = 0
    #: default and longest `time_expire`, in seconds after the create
    expires: int = DAY
    expires_most: int = 15 * DAY
    #: Ping++ docs: an equal create within so many seconds returns the first charge
    repeat_window: int = MINUTE
    #: Ping++ docs: later a create makes a new charge, but WeChat and isv_qr/isv_scan take an order number only once
    order_no_once: bool = False
    #: the guide's samples show a paid charge without transaction_no on some channels
    has_transaction_no: bool = True
    #: the guide's samples show a paid charge that still has its credential on some channels
    keeps_credential: bool = False
    #: paid in cny; cross-border channels are paid in another currency
    home: bool = True


def _alipay(_: Object) -> str:
    return f"https://qr.alipay.com/tax{ids.digits(5)}{ids.small_letters(16)}"


def _wechat(_: Object) -> str:
    return f"weixin://wxpay/bizpayurl?pr={ids.letters(7)}"


def _unionpay(_: Object) -> str:
    return f"https://qr.95516.com/00010001/62262{ids.digits(27)}"


def _ccb(_: Object) -> str:
    return ids.digits(22)


def _isv_qr(charge: Object) -> str:
    wallet = charge["extra"].get("pay_channel")
    if wallet == "alipay":
        return _alipay(charge)
    if wallet == "bfb":
        return f"https://www.baifubao.com/o2o/0/qrcode?id={ids.digits(20)}"
    return _wechat(charge)


def _isv_wap(charge: Object) -> str:
    data = {
        "version": "2.1",
        "signType": "SHA256",
        "charset": "utf-8",
        "orderNum": charge["order_no"],
        "busicd": "WPAY",
        "chcd": "WXP" if charge["extra"].get("pay_channel") == "wx" else "ALP",
        "mchntid": ids.digits(15),
        "terminalid": charge["extra"].get("terminal_id"),
        "txamt": f"{charge['amount']:012d}",
        "backUrl": f"https://notify.pingxx.com/notify/charges/{charge['id']}",
        "frontUrl": charge["extra"].get("result_url"),
        "attach": charge["id"],
        "subject": charge["subject"],
        "sign": ids.small_letters(64),
    }
    packed = (
        base64.b64encode(msgspec.json.encode(data)).decode("ascii").replace("=", "%3D").replace("+", "%2B")
    )
    return f"https://api.shou.money/scanpay/unified?data={packed}"


def _alipay_buyer(_: Object) -> Object:
    return {"buyer_account": f"{ids.small_letters(3)}***@126.com"}


def _wechat_buyer(_: Object) -> Object:
    return {"open_id": f"o9zpMs{ids.letters(22)}", "bank_type": "CFT"}


def _cb_alipay_buyer(_: Object) -> Object:
    account = {"buyer_account": "alipay_account", "buyer_user_id": f"2088{ids.digits(12)}"}
    return {**account, "rate": "6.64640000"}


def _cb_wechat_buyer(charge: Object) -> Object:
    return {
        "bank_type": "CFT",
        "is_subscribe": "N",
        "cash_fee": charge["amount"] * 7,
        "cash_fee_type": "cny",
        "rate": 700_000_000,
    }


def _isv_buyer(charge: Object) -> Object:
    return {
        "pay_channel": charge["extra"].get("pay_channel", "wx"),
        "buyer_account": f"omYJse{ids.letters(22)}",
        "channel_discount": 0,
        "merchant_discount": 0,
    }


def _no_buyer(_: Object) -> Object:
    return {}


def _text(pattern: str, words: str) -> Form:
    form = re.compile(pattern)
    return Form(lambda value: isinstance(value, str) and form.fullmatch(value) is not None, words)


_URL = _text(r"https?://\S+", "an address that begins with http:// or https://")
_PRODUCT = _text(r".{1,32}", "a string of 1 to 32 characters")
_NO_CREDIT = _text("no_credit", "no_credit")
# The guide's PHP sample sends one object, where the other samples send a list of objects.
_GOODS = Form(lambda value: isinstance(value, list | dict), "a list of objects")
# Unsure: the documents give a bound only for isv_scan (32 characters).
_CODE = {"scan_code": _text(r"[!-~]{1,64}", "1 to 64 visible ASCII characters")}
_WECHAT_FORMS = {"product_id": _PRODUCT, "limit_pay": _NO_CREDIT, "goods_list": _GOODS}
# Any `pay_channel` is accepted, because the guide's Java sample has a wallet `wz`.
_ISV_FORMS = {
    "terminal_id": _text(r"[A-Za-z0-9]{1,8}", "1 to 8 letters or digits"),
    "scan_code": _text(r"[!-~]{1,32}", "1 to 32 visible ASCII characters"),
    "result_url": _URL,
}

_WECHAT_QR: Object = {
    "expires": 2 * HOUR,
    "expires_most": 7 * DAY,
    "repeat_window": 2 * HOUR,
    "order_no_once": True,
    "forms": _WECHAT_FORMS,
}
_WECHAT_SCAN: Object = {
    **_WECHAT_QR,
    "repeat_window": MINUTE,
    "reverse": "paid",
    "reverse_within": 7 * DAY,
    "forms": {**_WECHAT_FORMS, **_CODE},
}
_ISV: Object = {"reverse": "paid", "reverse_within": "same_day", "forms": _ISV_FORMS}


def _channel(
    order_no: tuple[int, int],
    credential: Callable[[Object], str] | None,
    buyer: Callable[[Object], Object],
    *required: str,
    **rest: Any,
) -> Channel:
    return Channel(order_no, credential, buyer, required, **rest)


CHANNELS: dict[str, Channel] = {
    "alipay_qr": _channel((1, 64), _alipay, _alipay_buyer, reverse="unpaid"),
    "wx_pub_qr": _channel((2, 32), _wechat, _wechat_buyer, "product_id", reverse="unpaid", **_WECHAT_QR),
    "cb_alipay_qr": _channel((1, 64), _alipay, _cb_alipay_buyer, has_transaction_no=False, home=False),
    "cb_wx_pub_qr": _channel(
        (1, 32), _wechat, _cb_wechat_buyer, "product_id", "goods_list", home=False, **_WECHAT_QR
    ),
    "upacp_qr": _channel(
        (8, 40),
        _unionpay,
        _no_buyer,
        expires_most=30 * DAY,
        has_transaction_no=False,
        forms={"result_url": _URL},
    ),
    "ccb_qr": _channel((1, 30), _ccb, _no_buyer, has_transaction_no=False),
    "isv_qr": _channel(
        (8, 32),
        _isv_qr,
        _isv_buyer,
        "pay_channel",
        "terminal_id",
        order_no_once=True,
        has_transaction_no=False,
        keeps_credential=True,
        **_ISV,
    ),
    "isv_wap": _channel(
        (8, 32),
        _isv_wap,
        _no_buyer,
        "pay_channel",
        "terminal_id",
        "result_url",
        has_transaction_no=False,
        keeps_credential=True,
        **_ISV,
    ),
    "isv_scan": _channel((8, 32), None, _isv_buyer, "scan_code", "terminal_id", order_no_once=True, **_ISV),
    "alipay_scan": _channel(
        (1, 64),
        None,
        _alipay_buyer,
        "scan_code",
        "terminal_id",
        reverse="paid",
        reverse_within=DAY,
        forms=_CODE,
    ),
    "wx_pub_scan": _channel((1, 32), None, _wechat_buyer, "scan_code", **_WECHAT_SCAN),
    "cb_alipay_scan": _channel(
        (1, 64),
        None,
        _cb_alipay_buyer,
        "scan_code",
        reverse="paid",
        reverse_within=DAY,
        forms=_CODE,
        home=False,
    ),
    "cb_wx_pub_scan": _channel(
        (1, 32), None, _cb_wechat_buyer, "scan_code", "goods_list", home=False, **_WECHAT_SCAN
    ),
    "upacp_scan": _channel(
        (8, 40), None, _no_buyer, "scan_code", reverse="paid", reverse_within="unionpay_day", forms=_CODE
    ),
}
