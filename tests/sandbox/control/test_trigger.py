"""Payments made by the dozen, so that there are events to receive."""

from typing import Any

import pytest

from tests.patience import until_async
from tests.sandbox.kit import Rig

pytestmark = pytest.mark.anyio


async def test_trigger_makes_payments(rig: Rig) -> None:
    wanted = {"count": 20, "rate": 1000, "app": "app_other", "livemode": True, "order_prefix": "T"}
    answer = await rig.post("/sandbox/trigger", wanted, 202)
    assert answer["count"] == 20
    assert len({one["order_no"] for one in answer["events"]}) == 20
    await until_async(lambda: len(rig.receiver.bodies) == 20)
    assert {one["event_id"] for one in answer["events"]} == {event["id"] for event in rig.receiver.events}
    by_charge = {event["data"]["object"]["id"]: event for event in rig.receiver.events}
    for one in answer["events"]:
        charge = by_charge[one["object_id"]]["data"]["object"]
        assert charge["order_no"] == one["order_no"]
        assert charge["order_no"].startswith("T")
        assert (charge["paid"], charge["livemode"], charge["app"]) == (True, True, "app_other")
    key = {"authorization": "Bearer sk_live_1"}
    listed = await rig.get("/v1/charges", params={"app[id]": "app_other", "limit": 100}, headers=key)
    assert {one["id"] for one in listed["data"]} == set(by_charge)


async def test_a_long_trigger_names_its_first_and_last(rig: Rig) -> None:
    answer = await rig.post("/sandbox/trigger", {"count": 1001}, 202)
    assert set(answer) == {"count", "first", "last"}
    await until_async(lambda: len(rig.receiver.bodies) == 1001, within=15)
    sent = {event["id"] for event in rig.receiver.events}
    assert len(sent) == 1001
    assert {answer["first"]["event_id"], answer["last"]["event_id"]} < sent


@pytest.mark.parametrize(
    ("type_", "status"), [("refund.succeeded", "succeeded"), ("refund.failed", "failed")]
)
async def test_trigger_makes_refunds(rig: Rig, type_: str, status: str) -> None:
    answer = await rig.post("/sandbox/trigger", {"type": type_}, 202)
    assert [one["type"] for one in answer["events"]] == ["charge.succeeded", type_]
    await until_async(lambda: len(rig.receiver.bodies) == 2)
    paid, ended = sorted(rig.receiver.events, key=lambda event: str(event["type"]))
    assert paid["data"]["object"]["refunded"] is False
    refund = ended["data"]["object"]
    assert refund["status"] == status
    assert refund["charge"] == paid["data"]["object"]["id"] == answer["events"][0]["object_id"]
    assert refund["id"] == answer["events"][1]["object_id"]
    charge = await rig.get(f"/v1/charges/{refund['charge']}")
    assert charge["refunded"] is True
    assert charge["amount_refunded"] == (refund["amount"] if status == "succeeded" else 0)
    # What a failed refund would have taken can be refunded again.
    again = await rig.http.post(f"/v1/charges/{charge['id']}/refunds", json={"description": "again"})
    assert again.status_code == (402 if status == "succeeded" else 200)


@pytest.mark.parametrize(
    ("type_", "object_"),
    [
        ("summary.daily.available", "app_summary"),
        ("account.summary.available", "account_summary"),
        ("transfer.failed", "transfer"),
        ("batch_transfer.succeeded", "batch_transfer"),
        ("red_envelope.sent", "red_envelope"),
        ("order.succeeded", "order"),
        ("balance.withdrawal.succeeded", "withdrawal"),
        ("royalty_settlement.partially_succeeded", "royalty_settlement"),
        ("recharge.succeeded", "recharge"),
        ("recharge.refund.succeeded", "refund"),
        ("charge.failed", "charge"),
        ("brand_new.thing", "brand_new"),
    ],
)
async def test_trigger_makes_any_other_event(rig: Rig, type_: str, object_: str) -> None:
    answer = await rig.post("/sandbox/trigger", {"type": type_}, 202)
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    event = rig.receiver.events[0]
    assert event["type"] == type_
    assert event["data"]["object"]["object"] == object_
    assert event["data"]["object"]["id"] == answer["events"][0]["object_id"]


@pytest.mark.parametrize(
    "wrong",
    [{"count": 0}, {"rate": 0}, {"type": "Bad Type"}, {"app": 1}, {"unknown": 1}, {"order_prefix": "a b"}],
)
async def test_a_wrong_trigger_is_refused(rig: Rig, wrong: dict[str, Any]) -> None:
    assert (await rig.post("/sandbox/trigger", wrong, 400))["code"] == "invalid"
