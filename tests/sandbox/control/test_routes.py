"""What tests and people tell the sandbox to do."""

import datetime as dt
import re
import time
from pathlib import Path
from typing import Any, get_args

import pytest
from starlette.routing import Route

from sandbox.chaos import Chaos
from sandbox.clock import Clock
from sandbox.control import calls, charges
from sandbox.control import routes as control
from sandbox.fate import Do, Fate
from sandbox.objects.scan import EXAMPLES
from sandbox.pages import routes as pages
from tests.patience import until_async
from tests.sandbox.kit import APP, Rig

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


async def test_deliveries_say_what_was_sent(rig: Rig) -> None:
    first, second = await rig.paid(order_no="first"), await rig.paid(order_no="second")
    await until_async(lambda: rig.world.sender.outstanding == 0)
    everything = await rig.get("/sandbox/deliveries")
    assert everything["outstanding"] == 0
    assert {one["object_id"] for one in everything["deliveries"]} == {first["id"], second["id"]}
    (one,) = await rig.attempts(object_id=first["id"])
    assert one["type"] == "charge.succeeded"
    assert one["status"] == 200
    assert one["error"] is None
    assert one["state"] == "delivered"
    assert one["duration_ms"] > 0
    assert dt.datetime.fromisoformat(one["at"]).tzinfo is not None
    assert await rig.attempts(event_id=one["event_id"]) == [one]
    assert await rig.attempts(event_id="evt_unknown") == []
    assert len(await rig.attempts(limit=1)) == 1
    await rig.get("/sandbox/deliveries", 400, params={"limit": "all"})


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


async def test_any_event_can_be_sent(rig: Rig) -> None:
    about = {"id": "ch_1", "object": "charge", "livemode": True}
    wanted = {"type": "charge.succeeded", "object": about, "overrides": {"id": "evt_mine", "created": 1}}
    answer = await rig.post("/sandbox/events", {**wanted, "omit": ["request"]}, 202)
    assert answer == {"event_id": "evt_mine", "type": "charge.succeeded", "object_id": "ch_1"}
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    event = rig.receiver.events[0]
    assert (event["id"], event["created"], event["livemode"]) == ("evt_mine", 1, True)
    assert "request" not in event
    assert event["data"] == {"object": about}
    # One id for different events, as in the guide's samples, and a fixed counter.
    other = {"type": "charge.succeeded", "object": {"id": "ch_2"}, "livemode": False}
    await rig.post("/sandbox/events", {**other, "overrides": {"id": "evt_mine", "pending_webhooks": 78}}, 202)
    await rig.post("/sandbox/events", {**other, "omit": ["id"]}, 202)
    await until_async(lambda: len(rig.receiver.bodies) == 3)
    assert rig.receiver.events[1]["pending_webhooks"] == 78
    assert "id" not in rig.receiver.events[2]
    await rig.post("/sandbox/events", {"type": "x"}, 400)


async def test_reset_forgets_everything(rig: Rig) -> None:
    rig.receiver.always = 500
    charge = await rig.paid()
    await rig.post("/sandbox/trigger", {"count": 1000, "rate": 1}, 202)
    await until_async(lambda: len(rig.receiver.bodies) >= 2)
    await rig.post("/sandbox/reset", status=204)
    await until_async(lambda: not rig.world.jobs)
    await rig.get(f"/v1/charges/{charge['id']}", 404)
    assert await rig.get("/sandbox/deliveries") == {"deliveries": [], "outstanding": 0}
    rig.receiver.always = 200
    again = await rig.paid()
    await until_async(lambda: rig.world.sender.outstanding == 0)
    assert [one["object_id"] for one in await rig.attempts()] == [again["id"]]


def test_the_clock_goes_on_from_where_it_is_when_its_pace_changes() -> None:
    clock = Clock(real=time.time() - 100, shown=5_000.0, scale=2.0)
    before = clock.now()
    assert before == pytest.approx(5_200, abs=1)
    clock.run_at(1_000)
    assert clock.now() == pytest.approx(before, abs=500)
    real, shown, scale = clock.state()
    assert Clock(real, shown, scale).now() == pytest.approx(clock.now(), abs=500)


async def test_the_clock_refuses_nonsense(rig: Rig) -> None:
    assert (await rig.get("/sandbox/clock"))["scale"] == 1.0
    for scale in (0, -1, "fast", None):
        assert (await rig.http.put("/sandbox/clock", json={"scale": scale})).status_code == 400
    for wrong in ({}, {"advance": -1}, {"advance": None}, {"advance": "far"}, {"scale": 1, "advance": -1}):
        assert (await rig.http.put("/sandbox/clock", json=wrong)).status_code == 400
    await rig.run_at(0.5)
    assert (await rig.get("/sandbox/clock"))["scale"] == 0.5


def control_addresses() -> set[str]:
    routes = [*control.ROUTES, *charges.ROUTES, *calls.ROUTES, *pages.ROUTES]
    paths = {route.path for route in routes if isinstance(route, Route)}
    return {path for path in paths if not path.startswith("/sandbox/page/")} - {"/", "/sandbox/help"}


async def test_the_addresses_are_listed(rig: Rig) -> None:
    told = (await rig.http.get("/sandbox/help")).text
    listed = set(re.findall(r"/sandbox/[\w./{}]*", told.replace("{charge id}", "{id}")))
    assert listed == control_addresses()
    for code in EXAMPLES.values():
        assert code in told
    assert await rig.get("/sandbox/healthz") == {"status": "ok"}
    assert (await rig.get("/v1/charges", params={"app[id]": APP}))["data"] == []


def test_every_address_code_and_fate_is_documented() -> None:
    docs = (Path(__file__).parents[3] / "docs" / "sandbox.md").read_text(encoding="utf-8")
    named = set(re.findall(r"(?<=[ `])/sandbox/[\w./{}]*", docs))
    assert control_addresses() - named == set()
    assert named - control_addresses() <= {"/sandbox/help"}
    for word in (*EXAMPLES.values(), *get_args(Do), *Chaos.__struct_fields__, *Fate.__struct_fields__):
        assert f"`{word}`" in docs, word
