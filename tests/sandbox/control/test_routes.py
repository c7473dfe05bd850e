"""What tests and people tell the sandbox to do with events, clock and memory."""

import datetime as dt
import re
from pathlib import Path
from typing import get_args

import pytest
from starlette.routing import Route

from sandbox.chaos import Chaos
from sandbox.control import calls, charges
from sandbox.control import routes as control
from sandbox.fate import Do, Fate
from sandbox.objects.scan import EXAMPLES
from sandbox.pages import routes as pages
from tests.patience import until_async
from tests.sandbox.kit import APP, Rig

pytestmark = pytest.mark.anyio


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
