"""Events: what is wrapped around an object, and how often and when it is sent."""

from typing import Any

import pytest

from sandbox.objects import events
from tests.patience import until_async
from tests.sandbox.kit import Rig

pytestmark = pytest.mark.anyio
CHARGE = {"id": "ch_1", "livemode": False, "metadata": {}}


async def test_an_event_has_its_members_but_for_the_live_counter(rig: Rig) -> None:
    before = int(rig.world.now())
    event = events.make(rig.world, "charge.succeeded", CHARGE, livemode=False)
    assert event.keys() == {"id", "created", "livemode", "type", "data", "object", "request"}
    assert (event["id"][:4], event["request"][:4], len(event["id"])) == ("evt_", "iar_", 28)
    assert (event["type"], event["data"], event["object"]) == (
        "charge.succeeded",
        {"object": CHARGE},
        "event",
    )
    assert before <= event["created"] <= rig.world.now()
    assert events.make(rig.world, "x", CHARGE, livemode=True, id_="evt_mine")["id"] == "evt_mine"


async def test_what_is_emitted_arrives(rig: Rig) -> None:
    event = events.emit(rig.world, "charge.succeeded", CHARGE, livemode=False)
    await until_async(lambda: rig.receiver.bodies)
    (arrived,) = rig.receiver.events
    assert arrived == {**event, "pending_webhooks": arrived["pending_webhooks"]}


@pytest.mark.parametrize(
    ("changes", "copies", "after"),
    [
        ({}, 1, 0.0),
        ({"metadata": {"pingpp_tc": "001"}}, 2, 0.0),
        ({"metadata": {"pingpp_tc": "002"}}, 1, 300.0),
        ({"metadata": {"pingpp_tc": "001"}, "livemode": True}, 1, 0.0),
    ],
)
async def test_a_test_case_of_the_metadata_is_of_test_mode_alone(
    rig: Rig, monkeypatch: pytest.MonkeyPatch, changes: dict[str, Any], copies: int, after: float
) -> None:
    pushed: list[float] = []
    monkeypatch.setattr(rig.world.sender, "push", lambda due, _: pushed.append(due))
    began = rig.world.clock.now()
    events.emit_paid(rig.world, {**CHARGE, **changes})
    assert len(pushed) == copies
    assert all(began <= due - after <= rig.world.clock.now() for due in pushed)


@pytest.mark.parametrize(
    ("event", "id_"),
    [({"data": {"object": {"id": "ch_1"}}}, "ch_1"), ({"data": {"object": {"id": 7}}}, None), ({"data": {"object": []}}, None),
     ({"data": []}, None), ({}, None)],
)  # fmt: skip
async def test_the_id_of_what_an_event_is_about(event: dict[str, Any], id_: str | None) -> None:
    assert events.object_id(event) == id_
