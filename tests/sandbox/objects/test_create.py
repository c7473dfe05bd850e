"""Creating charges at the sandbox."""

import base64
import time
from typing import Any
from urllib.parse import unquote

import msgspec
import pytest

from sandbox.objects.channels import CHANNELS
from tests.patience import until_async
from tests.sandbox.kit import EXTRA, ISV, LIVE_KEY, Rig, for_channel

pytestmark = pytest.mark.anyio

CREDENTIAL = {
    "alipay_qr": "https://qr.alipay.com/",
    "wx_pub_qr": "weixin://wxpay/bizpayurl?pr=",
    "cb_alipay_qr": "https://qr.alipay.com/",
    "cb_wx_pub_qr": "weixin://wxpay/bizpayurl?pr=",
    "upacp_qr": "https://qr.95516.com/00010001/",
    "ccb_qr": "",
    "isv_qr": "weixin://wxpay/bizpayurl?pr=",
    "isv_wap": "https://api.shou.money/scanpay/unified?data=",
}
MEMBERS = [
    "id",
    "object",
    "created",
    "livemode",
    "paid",
    "refunded",
    "reversed",
    "app",
    "channel",
    "order_no",
    "client_ip",
    "amount",
    "amount_settle",
    "currency",
    "subject",
    "body",
    "extra",
    "time_paid",
    "time_expire",
    "time_settle",
    "transaction_no",
    "refunds",
    "amount_refunded",
    "failure_code",
    "failure_msg",
    "metadata",
    "credential",
    "description",
]


def test_the_table_has_the_channels_of_the_guide() -> None:
    assert set(CHANNELS) == CREDENTIAL.keys() | {name for name in EXTRA if name.endswith("_scan")}


@pytest.mark.parametrize("channel", CREDENTIAL)
async def test_a_charge_comes_with_what_the_customer_scans(rig: Rig, channel: str) -> None:
    charge = await rig.create(**for_channel(channel))
    assert list(charge) == MEMBERS
    assert charge["id"].startswith("ch_")
    assert len(charge["id"]) == 27
    assert charge["paid"] is False
    assert charge["livemode"] is False
    assert set(charge["credential"]) == {"object", channel}
    assert charge["credential"]["object"] == "credential"
    assert charge["credential"][channel].startswith(CREDENTIAL[channel])
    assert charge["time_expire"] > charge["created"]
    assert await rig.get(f"/v1/charges/{charge['id']}") == charge
    assert rig.receiver.bodies == []


async def test_a_payment_page_is_told_what_the_guides_sample_tells_it(rig: Rig) -> None:
    charge = await rig.create(**for_channel("isv_wap"))
    packed = charge["credential"]["isv_wap"].partition("?data=")[2]
    told = msgspec.json.decode(base64.b64decode(unquote(packed), validate=True))
    assert told["orderNum"] == charge["order_no"]
    assert told["txamt"] == "000000000100"
    assert told["attach"] == charge["id"]
    assert told["frontUrl"] == charge["extra"]["result_url"]
    assert told.keys() >= {"version", "signType", "charset", "busicd", "chcd", "mchntid", "terminalid"}
    assert told.keys() >= {"backUrl", "subject", "sign"}


@pytest.mark.parametrize("channel", [name for name in EXTRA if name.endswith("_scan")])
async def test_a_scanned_customer_has_paid_at_once(rig: Rig, channel: str) -> None:
    charge = await rig.create(**for_channel(channel))
    assert charge["paid"] is True
    assert charge["time_paid"] >= charge["created"]
    assert charge["credential"] == {}
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    assert rig.receiver.events[0]["data"]["object"] == charge


@pytest.mark.parametrize(
    ("param", "changes"),
    [
        ("order_no", {"order_no": None}),
        ("order_no", {"order_no": "1" * 65}),
        ("order_no", {"order_no": 123456789}),
        ("amount", {"amount": None}),
        ("amount", {"amount": 0}),
        ("amount", {"amount": -1}),
        ("amount", {"amount": 1.5}),
        ("amount", {"amount": True}),
        ("amount", {"amount": "1.00"}),
        ("amount", {"amount": 10**30}),
        ("app[id]", {"app": None}),
        ("app[id]", {"app": "app_1Gqj58ynP0mHeX1q"}),
        ("channel", {"channel": None}),
        ("channel", {"channel": "alipay_qrr"}),
        ("currency", {"currency": "CNY"}),
        ("currency", {"currency": "usd"}),
        ("client_ip", {"client_ip": "localhost"}),
        ("subject", {"subject": "订" * 33}),
        ("subject", {"channel": "upacp_qr", "subject": "订" * 11}),
        ("body", {"body": "b" * 129}),
        ("description", {"description": "d" * 256}),
        ("metadata", {"metadata": {str(number): 1 for number in range(21)}}),
        ("metadata", {"metadata": {"long": "x" * 1000}}),
        ("time_expire", {"time_expire": 1}),
        ("extra", {"extra": "product"}),
        ("extra[product_id]", {"channel": "wx_pub_qr"}),
        ("extra[scan_code]", {"channel": "isv_scan", "extra": {"terminal_id": "T0000001"}}),
        ("extra[product_id]", {"channel": "wx_pub_qr", "extra": {"product_id": "p" * 33}}),
        ("extra[limit_pay]", {"channel": "wx_pub_qr", "extra": {"product_id": "p", "limit_pay": "all"}}),
        ("extra[goods_list]", {**for_channel("cb_wx_pub_qr"), "extra": {"product_id": "p"}}),
        (
            "extra[goods_list]",
            {**for_channel("cb_wx_pub_qr"), "extra": {"product_id": "p", "goods_list": "x"}},
        ),
        ("extra[terminal_id]", {"channel": "isv_qr", "extra": {**ISV, "terminal_id": "T00000001"}}),
        ("extra[terminal_id]", {"channel": "isv_qr", "extra": {**ISV, "terminal_id": "T-1"}}),
        ("extra[result_url]", {"channel": "isv_wap", "extra": {**ISV, "result_url": "www.example.com"}}),
        ("extra[result_url]", {"channel": "upacp_qr", "extra": {"result_url": 1}}),
    ],
)
async def test_a_wrong_create_is_refused_by_name(rig: Rig, param: str, changes: dict[str, Any]) -> None:
    answer = await rig.create(status=400, **changes)
    assert answer["error"]["type"] == "invalid_request_error"
    assert answer["error"]["param"] == param
    assert answer["error"]["message"]
    listed = await rig.get("/v1/charges", params={"app[id]": "app_1Gqj58ynP0mHeX1q"})
    assert listed["data"] == []


@pytest.mark.parametrize("body", [b"[]", b"{", b"\xff", b'"text"', b"[" * 100_000])
async def test_a_body_that_is_no_object_is_refused(rig: Rig, body: bytes) -> None:
    response = await rig.http.post("/v1/charges", content=body)
    assert response.status_code == 400
    assert response.json()["error"]["type"] == "invalid_request_error"


async def test_an_amount_in_digits_is_taken_as_php_sends_it(rig: Rig) -> None:
    assert (await rig.create(amount="100"))["amount"] == 100


async def test_a_bound_can_be_reached(rig: Rig) -> None:
    charge = await rig.create(
        order_no="1" * 64, subject="订" * 32, body="b" * 128, time_expire=int(time.time()) + 3600
    )
    assert charge["subject"] == "订" * 32


async def test_an_equal_create_returns_the_first_charge(rig: Rig) -> None:
    first = await rig.create()
    assert await rig.create() == first
    assert (await rig.create(metadata={"not": "compared"}))["id"] == first["id"]
    for changes in ({"amount": 101}, {"subject": "Other"}, {"body": "Other"}, {"channel": "cb_alipay_qr"}):
        currency = "usd" if "channel" in changes else "cny"
        assert (await rig.create(currency=currency, **changes))["id"] != first["id"]
    assert (await rig.create(headers=LIVE_KEY))["id"] != first["id"]


async def test_an_order_number_is_used_up_only_within_its_app_and_mode(rig: Rig) -> None:
    first = await rig.create(**for_channel("isv_qr"))
    await rig.create(status=402, amount=101, **for_channel("isv_qr"))
    other_app = await rig.create(app={"id": "app_other"}, **for_channel("isv_qr"))
    other_mode = await rig.create(headers=LIVE_KEY, **for_channel("isv_qr"))
    assert len({first["id"], other_app["id"], other_mode["id"]}) == 3


@pytest.mark.parametrize(("channel", "window"), [("alipay_qr", 60), ("wx_pub_qr", 7200), ("isv_qr", 60)])
async def test_after_the_window_a_create_is_a_new_one(rig: Rig, channel: str, window: int) -> None:
    first = await rig.create(**for_channel(channel))
    rig.world.store.db.execute("UPDATE charges SET doc = json_set(doc, '$.created', ?)", (_ago(window - 5),))
    assert (await rig.create(**for_channel(channel)))["id"] == first["id"]
    rig.world.store.db.execute("UPDATE charges SET doc = json_set(doc, '$.created', ?)", (_ago(window + 5),))
    if channel == "alipay_qr":
        assert (await rig.create(**for_channel(channel)))["id"] != first["id"]
    else:
        answer = await rig.create(status=402, **for_channel(channel))
        assert answer["error"]["code"] == "charge_order_no_used"


def _ago(seconds: int) -> int:
    return int(time.time()) - seconds
