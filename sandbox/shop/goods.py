"""What the demo shop sells, the ways to pay for it, and what it asks the merchant API for."""

import datetime as dt
import re
import secrets
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.refusals import Object

# The shopper scans the shop's code · the till scans the shopper's code · a page on the phone.
Kind = Literal["qr", "till", "h5"]

# Letters and digits that look alike are left out.
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"
# Official samples: the terminal_id for isv_* if the merchant has no terminals.
_TERMINAL = "00000001"


@dataclass(frozen=True)
class Good:
    """Something to buy."""

    #: the beginning of its orders' numbers, so that an order number tells what was bought
    code: str
    #: by currency, in minor currency units
    prices: dict[str, int]


@dataclass(frozen=True)
class Way:
    """A way to pay: a channel, and what it needs in `extra`."""

    channel: str
    kind: Kind
    currency: str = "cny"
    extra: Object = field(default_factory=dict)
    #: members of `extra` that are made from the order: product_id, goods_list, result_url
    needs: tuple[str, ...] = ()
    #: the beginning of this wallet's codes, as the shopper shows them at the till
    code: str = ""


GOODS = {
    one.code: one
    for one in (
        Good("tea", {"cny": 3800, "usd": 560}),
        Good("cup", {"cny": 6800, "usd": 980}),
        Good("fan", {"cny": 2550, "usd": 375}),
        Good("mint", {"cny": 1, "usd": 1}),
    )
}
WAYS = {
    one.channel: one
    for one in (
        Way("alipay_qr", "qr"),
        Way("wx_pub_qr", "qr", needs=("product_id",)),
        Way("upacp_qr", "qr"),
        Way("ccb_qr", "qr"),
        Way("isv_qr", "qr", extra={"pay_channel": "alipay", "terminal_id": _TERMINAL}),
        Way("cb_alipay_qr", "qr", "usd"),
        Way("cb_wx_pub_qr", "qr", "usd", needs=("product_id", "goods_list")),
        Way("alipay_scan", "till", extra={"terminal_id": _TERMINAL}, code="28"),
        Way("wx_pub_scan", "till", extra={"terminal_id": _TERMINAL}, code="13"),
        Way("upacp_scan", "till", code="62"),
        Way("isv_scan", "till", extra={"terminal_id": _TERMINAL}, code="13"),
        Way("cb_alipay_scan", "till", "usd", code="28"),
        Way("cb_wx_pub_scan", "till", "usd", needs=("goods_list",), code="13"),
        Way("isv_wap", "h5", extra={"pay_channel": "wx", "terminal_id": _TERMINAL}, needs=("result_url",)),
    )
}
KINDS: dict[Kind, list[Way]] = {
    kind: [way for way in WAYS.values() if way.kind == kind] for kind in ("qr", "till", "h5")
}
_ORDER_NO = re.compile(rf"({'|'.join(GOODS)})[0-9]{{12}}[{_LETTERS}]{{4}}")


def new_order_no(good: Good) -> str:
    """A new order number of 8 to 30 letters and digits, which every channel accepts."""
    chance = "".join(secrets.choice(_LETTERS) for _ in range(4))
    return f"{good.code}{dt.datetime.now().astimezone():%y%m%d%H%M%S}{chance}"


def good_of(order_no: str) -> Good | None:
    """The good that an order number stands for; None: the order is not of this shop."""
    found = _ORDER_NO.fullmatch(order_no)
    return None if found is None else GOODS[found[1]]


def request(
    order_no: str, good: Good, way: Way, *, name: str, about: str, return_url: str, scan_code: str = ""
) -> Object:
    """The body of POST /payments. The shopper's wallet shows `name` and `about`."""
    of_order: Object = {
        "product_id": good.code,
        "goods_list": [{"goods_name": name, "goods_num": "1"}],
        "result_url": return_url,
    }
    extra: dict[str, Any] = {**way.extra, **{one: of_order[one] for one in way.needs}}
    if scan_code:
        extra["scan_code"] = scan_code
    made: Object = {
        "order_no": order_no,
        "amount": good.prices[way.currency],
        "currency": way.currency,
        "channel": way.channel,
        "subject": name,
        "body": about,
        "client_ip": "127.0.0.1",
        "return_url": return_url,
    }
    return made | ({"extra": extra} if extra else {})
