"""What happens to a charge after it was made: it is paid, or reversed."""

import time
from typing import Any

import pytest

from tests.patience import until_async
from tests.sandbox.kit import Rig

pytestmark = pytest.mark.anyio


async def test_paying_changes_the_charge_once(rig: Rig) -> None:
    charge = await rig.create()
    paid = await rig.post(f"/sandbox/charges/{charge['id']}/pay", {"time_paid": 1_700_000_000})
    assert paid["time_paid"] == 1_700_000_000
    assert paid["transaction_no"]
    assert paid["extra"]["buyer_account"]
    assert paid["credential"] == {}
    assert await rig.get(f"/v1/charges/{charge['id']}") == paid
    again = await rig.http.post(f"/sandbox/charges/{charge['id']}/pay")
    assert again.status_code == 409
    assert again.headers["content-type"] == "application/problem+json"
    assert again.json()["code"] == "already_paid"
    await until_async(lambda: len(rig.receiver.bodies) == 1)


async def test_paying_what_cannot_be_paid(rig: Rig) -> None:
    assert (await rig.post("/sandbox/charges/ch_x/pay", status=404))["code"] == "not_found"
    charge = await rig.create()
    rig.world.store.db.execute("UPDATE charges SET doc = json_set(doc, '$.time_expire', 1700000000)")
    assert (await rig.post(f"/sandbox/charges/{charge['id']}/pay", status=409))["code"] == "expired"
    wrong = await rig.post(f"/sandbox/charges/{charge['id']}/pay", {"time": 1}, status=400)
    assert wrong["code"] == "invalid"
    assert rig.receiver.bodies == []


async def test_an_isv_qr_keeps_its_credential(rig: Rig) -> None:
    extra = {"pay_channel": "alipay", "terminal_id": "T0000001"}
    charge = await rig.create(channel="isv_qr", extra=extra)
    assert charge["credential"]["isv_qr"].startswith("https://qr.alipay.com/")
    paid = await rig.post(f"/sandbox/charges/{charge['id']}/pay")
    assert paid["credential"] == charge["credential"]
    assert paid["transaction_no"] is None


SCAN = {"scan_code": "131141564583769183", "terminal_id": "T0000001"}


async def refund(rig: Rig, charge: Any, status: int = 200, **wanted: Any) -> Any:
    return await rig.post(f"/v1/charges/{charge['id']}/refunds", {"description": "退款", **wanted}, status)


async def test_an_unpaid_charge_is_closed_by_a_reversal(rig: Rig) -> None:
    charge = await rig.create()
    closed = await rig.post(f"/v1/charges/{charge['id']}/reverse")
    assert (closed["reversed"], closed["paid"]) == (True, False)
    assert await rig.get(f"/v1/charges/{charge['id']}") == closed
    assert await rig.post(f"/v1/charges/{charge['id']}/reverse") == closed
    assert (await rig.post(f"/sandbox/charges/{charge['id']}/pay", status=409))["code"] == "reversed"
    assert rig.receiver.bodies == []


@pytest.mark.parametrize(
    ("channel", "extra", "paid_ago", "status"),
    [
        ("alipay_qr", {}, 0, 402),
        ("ccb_qr", {}, 0, 402),
        ("alipay_scan", SCAN, 86_000, 200),
        ("alipay_scan", SCAN, 87_000, 402),
        ("wx_pub_scan", SCAN, 7 * 86_400 - 60, 200),
        ("wx_pub_scan", SCAN, 7 * 86_400 + 60, 402),
        ("isv_scan", SCAN, 86_400, 402),
        ("upacp_scan", SCAN, 86_400, 402),
    ],
)
async def test_a_paid_charge_is_reversed_only_where_and_while_it_can_be(
    rig: Rig, channel: str, extra: Any, paid_ago: int, status: int
) -> None:
    charge = await rig.create(channel=channel, extra=extra)
    if not charge["paid"]:
        await rig.post(f"/sandbox/charges/{charge['id']}/pay", {"time_paid": int(time.time()) - paid_ago})
    else:
        rig.world.store.db.execute(
            "UPDATE charges SET doc = json_set(doc, '$.time_paid', ?)", (int(time.time()) - paid_ago,)
        )
    answer = await rig.post(f"/v1/charges/{charge['id']}/reverse", status=status)
    after = await rig.get(f"/v1/charges/{charge['id']}")
    if status == 200:
        assert (after["paid"], after["reversed"]) == (True, True)
        await refund(rig, charge, 402)
    else:
        assert answer["error"]["code"] == "charge_unexpected_status"
        assert (after["paid"], after["reversed"]) == (True, False)
