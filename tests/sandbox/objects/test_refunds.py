"""Giving money back at the sandbox."""

from typing import Any

import pytest

from tests.patience import until_async
from tests.sandbox.kit import Rig

pytestmark = pytest.mark.anyio


async def refund(rig: Rig, charge: Any, status: int = 200, **wanted: Any) -> Any:
    return await rig.post(f"/v1/charges/{charge['id']}/refunds", {"description": "退款", **wanted}, status)


async def test_a_refund_is_pending_and_then_succeeds_by_itself(rig: Rig) -> None:
    charge = await rig.paid()
    made = await refund(rig, charge, amount=30, metadata={"attempt": "a1"})
    assert made["id"].startswith("re_")
    assert made["status"] == "pending"
    assert made["succeed"] is False
    assert made["amount"] == 30
    assert made["charge"] == charge["id"]
    assert made["charge_order_no"] == charge["order_no"]
    assert made["metadata"] == {"attempt": "a1"}
    before = await rig.get(f"/v1/charges/{charge['id']}")
    assert (before["refunded"], before["amount_refunded"]) == (True, 0)
    assert before["refunds"]["data"] == [made]

    await until_async(lambda: len(rig.receiver.bodies) == 2)
    event = rig.receiver.events[1]
    assert event["type"] == "refund.succeeded"
    ended = await rig.get(f"/v1/charges/{charge['id']}/refunds/{made['id']}")
    assert event["data"]["object"] == ended
    assert (ended["status"], ended["succeed"]) == ("succeeded", True)
    assert ended["time_succeed"] >= made["created"]
    after = await rig.get(f"/v1/charges/{charge['id']}")
    assert (after["refunded"], after["amount_refunded"]) == (True, 30)
    assert after["refunds"]["data"] == [ended]


async def test_no_more_goes_back_than_was_paid(rig: Rig) -> None:
    charge = await rig.paid()
    await refund(rig, charge, amount=60)
    assert (await refund(rig, charge, 400, amount=41))["error"]["param"] == "amount"
    assert (await refund(rig, charge))["amount"] == 40
    assert (await refund(rig, charge, 402))["error"]["code"] == "refund_unexpected_status"


async def test_refunds_are_listed_by_pages(rig: Rig) -> None:
    charge = await rig.paid()
    assert (await rig.get(f"/v1/charges/{charge['id']}/refunds"))["data"] == []
    made = [(await refund(rig, charge, amount=1))["id"] for _ in range(12)][::-1]
    url = f"/v1/charges/{charge['id']}/refunds"
    first = await rig.get(url)
    assert ([one["id"] for one in first["data"]], first["has_more"]) == (made[:10], True)
    rest = await rig.get(url, params={"starting_after": made[9]})
    assert ([one["id"] for one in rest["data"]], rest["has_more"]) == (made[10:], False)
    inside = (await rig.get(f"/v1/charges/{charge['id']}"))["refunds"]
    assert ([one["id"] for one in inside["data"]], inside["has_more"]) == (made[:10], True)


async def test_refunds_that_cannot_be(rig: Rig) -> None:
    unpaid = await rig.create()
    assert (await refund(rig, unpaid, 402))["error"]["code"] == "refund_unexpected_status"
    charge = await rig.paid(order_no="paid")
    for wrong, param in (
        ({"description": None}, "description"),
        ({"description": "d" * 256}, "description"),
        ({"amount": 0}, "amount"),
        ({"amount": "x"}, "amount"),
        ({"funding_source": "elsewhere"}, "funding_source"),
    ):
        assert (await refund(rig, charge, 400, **wrong))["error"]["param"] == param
    await rig.get(f"/v1/charges/{charge['id']}/refunds/re_unknown", 404)
    await refund(rig, {"id": "ch_unknown"}, 404)
    assert (await rig.get(f"/v1/charges/{charge['id']}"))["refunded"] is False
