"""Each channel from its creation to its refund: what the merchant, the shopper and the consumer see of it."""

from pathlib import Path
from typing import Any

import pytest

from tests.flow.kit import ALL, System, running
from tests.patience import until

APP = "app_1Gqj58ynP0mHeX1q"
SCAN = {"scan_code": "281234567890123456"}
ISV = {"pay_channel": "alipay", "terminal_id": "00000001"}
GOODS = {"goods_list": [{"goods_name": "tea", "goods_num": 1}]}
CHANNELS: dict[str, dict[str, Any]] = {
    "alipay_qr": {},
    "wx_pub_qr": {"product_id": "tea1"},
    "cb_alipay_qr": {},
    "cb_wx_pub_qr": {"product_id": "tea1", **GOODS},
    "upacp_qr": {},
    "ccb_qr": {},
    "isv_qr": ISV,
    "isv_wap": {**ISV, "result_url": "https://shop.example/done"},
    "isv_scan": {**ISV, **SCAN},
    "alipay_scan": {**SCAN, "terminal_id": "00000001"},
    "wx_pub_scan": SCAN,
    "cb_alipay_scan": SCAN,
    "cb_wx_pub_scan": {**SCAN, **GOODS},
    "upacp_scan": SCAN,
}


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Any:
    with running(tmp_path_factory.mktemp("channels"), *ALL) as system:
        yield system


def payment_of(channel: str) -> dict[str, Any]:
    currency = "usd" if channel.startswith("cb_") else "cny"
    extra = {
        name: value
        for name, value in CHANNELS[channel].items()
        if channel.startswith("isv") or name != "pay_channel"
    }
    return {
        "order_no": f"flow{channel.replace('_', '')}",
        "app": APP,
        "amount": 1234,
        "currency": currency,
        "channel": channel,
        "subject": "Tea",
        "body": "A box of tea",
        "client_ip": "127.0.0.1",
        **({"extra": extra} if extra else {}),
    }


def told(system: System, order_no: str) -> list[str]:
    return [
        one["type"].removeprefix("pingpp.payment.") for one in system.messages() if one["subject"] == order_no
    ]


@pytest.mark.parametrize("channel", CHANNELS)
def test_from_its_creation_to_its_refund(shared: System, channel: str) -> None:
    system, wanted = shared, payment_of(channel)
    answer = system.api("POST", "/payments", wanted)
    assert answer.status_code == 201, answer.text
    payment, at = answer.json(), f"/payments/{wanted['order_no']}"
    shopper = payment["checkout_url"].removeprefix(system.url)
    assert system.status_of(shopper) == 200

    scanned = channel.endswith("_scan")
    assert ("qr_text" in payment) is channel.endswith("_qr")
    assert (system.status_of(f"{shopper}/qr.svg") == 200) is channel.endswith("_qr")
    assert (system.status_of(f"{shopper}/charge") == 200) is ("charge" in payment) is (channel == "isv_wap")
    if scanned:
        assert payment["status"] == "paid"
    else:
        assert payment["status"] == "pending"
        system.sandbox("POST", f"/charges/{payment['charges'][0]['id']}/pay")
    settled = system.api("GET", f"{at}?app={APP}", Prefer="wait=10").json()
    assert (settled["status"], settled["amount"]) == ("paid", 1234)
    until(lambda: told(system, wanted["order_no"]) == ["paid"], "it is fulfilled")

    refund: dict[str, Any] = {"amount": 234, "description": "a chipped pot"}
    if channel.startswith("cb_alipay"):
        refund["extra"] = {"rate": "7.1", "refund_amount": 1661}
    key = {"Idempotency-Key": "R1"}
    done = [system.api("POST", f"{at}/refunds?app={APP}", refund, **key) for _ in range(2)]
    assert [one.status_code for one in done] == [201, 200], done[0].text
    until(lambda: told(system, wanted["order_no"]) == ["paid", "refunded"], "its refund is told")
    after = system.api("GET", f"{at}?app={APP}").json()
    assert (after["status"], after["amount_refunded"], len(after["refunds"])) == (
        "partially_refunded",
        234,
        1,
    )


def test_a_customer_at_the_till_who_gives_up(shared: System) -> None:
    """Nobody types the password: after a minute it is reversed, and the till is told `closed`. Here it is closed."""
    wanted = payment_of("isv_scan") | {"order_no": "flowgiveup1"}
    wanted["extra"] = {**wanted["extra"], "scan_code": "910000000000000000"}
    payment = shared.api("POST", "/payments", wanted).json()
    assert (payment["status"], payment["awaiting_customer"]) == ("pending", True)
    closed = shared.api("POST", f"/payments/flowgiveup1/close?app={APP}").json()
    assert closed["status"] == "closed"
    until(lambda: told(shared, "flowgiveup1") == ["closed"], "it is told")


def test_with_every_webhook_lost_the_checks_tell(tmp_path: Path) -> None:
    with running(tmp_path, *ALL) as system:
        system.sandbox("PUT", "/chaos", {"drop": 1})
        wanted = payment_of("isv_qr")
        payment = system.api("POST", "/payments", wanted).json()
        system.sandbox("POST", f"/charges/{payment['charges'][0]['id']}/pay")
        until(lambda: told(system, wanted["order_no"]) == ["paid"], "the check at 5 s saw it")
