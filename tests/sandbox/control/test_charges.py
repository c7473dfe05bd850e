"""What customers, channels and the dashboard can be told to do with charges and refunds."""

from pathlib import Path
from typing import Any

import pytest

from tests.patience import until_async
from tests.sandbox.kit import LIVE_KEY, Receiver, Rig, running

pytestmark = pytest.mark.anyio

TILL: dict[str, Any] = {
    "channel": "isv_scan",
    "extra": {"scan_code": "920000000000000000", "terminal_id": "T0000001"},
}


async def tell(rig: Rig, charge: Any, what: str, status: int = 200, **content: Any) -> Any:
    return await rig.post(f"/sandbox/charges/{charge['id']}/{what}", content, status)


async def refund(rig: Rig, charge: Any, **wanted: Any) -> Any:
    return await rig.post(f"/v1/charges/{charge['id']}/refunds", {"description": "退款", **wanted})


async def hold_refunds(rig: Rig) -> None:
    answer = await rig.http.put("/sandbox/refunds", json={"settle_after": None})
    assert answer.json() == {"settle_after": None}


async def test_a_charge_expires_when_it_is_told_to(rig: Rig) -> None:
    charge = await rig.create()
    before = int((await rig.get("/sandbox/clock"))["now"])
    expired = await tell(rig, charge, "expire")
    assert expired == charge | {"time_expire": expired["time_expire"]}
    assert before <= expired["time_expire"] <= (await rig.get("/sandbox/clock"))["now"]
    assert await rig.get(f"/v1/charges/{charge['id']}") == expired
    assert await tell(rig, charge, "expire") == expired
    assert (await tell(rig, charge, "pay", 409))["code"] == "expired"
    assert rig.receiver.bodies == []


async def test_what_is_settled_neither_expires_nor_is_given_up(rig: Rig) -> None:
    paid = await rig.paid(order_no="paid")
    reversed_ = await rig.create(order_no="reversed")
    await rig.post(f"/v1/charges/{reversed_['id']}/reverse")
    for what in ("expire", "give_up"):
        assert (await tell(rig, paid, what, 409))["code"] == "already_paid"
        assert (await tell(rig, reversed_, what, 409))["code"] == "reversed"
        assert (await tell(rig, {"id": "ch_x"}, what, 404))["code"] == "not_found"


async def test_a_customer_gives_up_at_the_till(rig: Rig) -> None:
    charge = await rig.create(**TILL)
    given_up = await tell(rig, charge, "give_up")
    assert (given_up["paid"], given_up["failure_code"]) == (False, "channel_response_code_fail")
    assert given_up["failure_msg"]
    assert await rig.get(f"/v1/charges/{charge['id']}") == given_up
    assert (await tell(rig, charge, "pay", 409))["code"] == "given_up"
    assert (await rig.post(f"/v1/charges/{charge['id']}/reverse"))["reversed"] is True
    assert rig.receiver.bodies == []


async def test_a_customer_may_scan_again_what_was_given_up(rig: Rig) -> None:
    charge = await rig.create()
    given_up = await tell(rig, charge, "give_up", failure_code="channel_request_info", failure_msg="no funds")
    assert (given_up["failure_code"], given_up["failure_msg"]) == ("channel_request_info", "no funds")
    paid = await tell(rig, charge, "pay")
    assert (paid["paid"], paid["failure_code"], paid["failure_msg"]) == (True, None, None)
    await tell(rig, charge, "give_up", 400, failure_code="Not A Code")


async def test_charges_are_listed_for_people_newest_first(rig: Rig) -> None:
    first = await rig.create(order_no="one")
    second = await rig.create(order_no="two", headers=LIVE_KEY, app={"id": "app_other"})
    third = await rig.create(order_no="one", amount=101)
    assert await rig.get("/sandbox/charges") == {"charges": [third, second, first]}
    assert await rig.get("/sandbox/charges", params={"limit": 1}) == {"charges": [third]}
    assert await rig.get("/sandbox/charges", params={"order_no": "one"}) == {"charges": [third, first]}
    assert await rig.get("/sandbox/charges", params={"order_no": "none"}) == {"charges": []}
    for wrong in ("0", "1001", "many"):
        await rig.get("/sandbox/charges", 400, params={"limit": wrong})


async def test_a_refund_waits_until_somebody_decides(rig: Rig) -> None:
    await hold_refunds(rig)
    charge = await rig.paid()
    good, bad = await refund(rig, charge, amount=30), await refund(rig, charge, amount=20)
    await rig.http.put("/sandbox/clock", json={"advance": 3600})
    listed = await rig.get("/sandbox/refunds")
    assert listed == {"refunds": [bad, good], "settle_after": None}

    done = await rig.post(f"/sandbox/refunds/{good['id']}/succeed")
    assert (done["status"], done["succeed"]) == ("succeeded", True)
    failed = await rig.post(f"/sandbox/refunds/{bad['id']}/fail", {"failure_code": "refund_failed"})
    assert (failed["status"], failed["succeed"], failed["failure_code"]) == ("failed", False, "refund_failed")
    await until_async(lambda: len(rig.receiver.bodies) == 3)
    events = {event["type"]: event["data"]["object"] for event in rig.receiver.events[1:]}
    assert events == {"refund.succeeded": done, "refund.failed": failed}
    after = await rig.get(f"/v1/charges/{charge['id']}")
    assert (after["amount_refunded"], after["refunds"]["data"]) == (30, [failed, done])

    for one in (good, bad):
        for what in ("succeed", "fail"):
            again = await rig.post(f"/sandbox/refunds/{one['id']}/{what}", status=409)
            assert again["code"] == "already_ended"
    assert (await rig.post("/sandbox/refunds/re_x/fail", status=404))["code"] == "not_found"


async def test_a_refund_fails_with_a_usual_code_if_none_is_given(rig: Rig) -> None:
    await hold_refunds(rig)
    made = await refund(rig, await rig.paid())
    assert (await rig.post(f"/sandbox/refunds/{made['id']}/fail"))["failure_code"] == "refund_refused"


async def test_a_decision_comes_before_the_refund_settles_by_itself(rig: Rig) -> None:
    await rig.http.put("/sandbox/refunds", json={"settle_after": 0.3})
    made = await refund(rig, await rig.paid())
    await rig.post(f"/sandbox/refunds/{made['id']}/fail")
    await rig.http.put("/sandbox/clock", json={"advance": 10})
    other = await refund(rig, await rig.paid(order_no="other"))
    await until_async(lambda: "refund.succeeded" in [event["type"] for event in rig.receiver.events])
    about = [event["data"]["object"]["id"] for event in rig.receiver.events if "refund" in event["type"]]
    assert about == [made["id"], other["id"]], "each has ended once"


async def test_a_wrong_wish_about_refunds_is_refused(rig: Rig) -> None:
    for wrong in ({}, {"settle_after": -1}, {"settle_after": "soon"}):
        assert (await rig.http.put("/sandbox/refunds", json=wrong)).status_code == 400


async def test_a_refund_is_made_in_the_dashboard(rig: Rig) -> None:
    charge = await rig.paid(headers=LIVE_KEY)
    part = await tell(rig, charge, "refunds", amount=30)
    assert (part["amount"], part["status"], part["metadata"]) == (30, "pending", {})
    rest = await tell(rig, charge, "refunds", description="whole")
    assert (rest["amount"], rest["description"]) == (70, "whole")
    listed = await rig.get(f"/v1/charges/{charge['id']}/refunds", headers=LIVE_KEY)
    assert [one["id"] for one in listed["data"]] == [rest["id"], part["id"]]
    await until_async(lambda: len(rig.receiver.bodies) == 3)
    assert {event["type"] for event in rig.receiver.events[1:]} == {"refund.succeeded"}


async def test_the_dashboard_cannot_give_back_what_is_not_there(rig: Rig) -> None:
    unpaid = await rig.create(order_no="unpaid")
    assert (await tell(rig, unpaid, "refunds", 409))["code"] == "not_refundable"
    charge = await rig.paid()
    assert (await tell(rig, charge, "refunds", 400, amount=101))["code"] == "invalid"
    assert (await tell(rig, charge, "refunds", 400, amount="1"))["code"] == "invalid"
    assert (await tell(rig, {"id": "ch_x"}, "refunds", 404))["code"] == "not_found"


async def test_when_the_clock_is_moved_on_charges_expire_and_windows_close(rig: Rig) -> None:
    charge = await rig.create()
    before = (await rig.get("/sandbox/clock"))["now"]
    answer = await rig.http.put("/sandbox/clock", json={"advance": 59})
    assert answer.json()["advanced"] == 59
    assert answer.json()["now"] >= before + 59
    assert (await rig.create())["id"] == charge["id"], "still an equal create"
    await rig.http.put("/sandbox/clock", json={"advance": 2})
    later = await rig.create()
    assert later["id"] != charge["id"]
    assert later["created"] >= charge["created"] + 61
    await rig.http.put("/sandbox/clock", json={"advance": 86_400 - 61})
    assert (await tell(rig, charge, "pay", 409))["code"] == "expired"
    paid = await tell(rig, later, "pay")
    assert paid["time_paid"] >= charge["created"] + 86_400


async def test_when_the_clock_is_moved_on_what_is_due_is_sent(rig: Rig) -> None:
    await rig.http.put("/sandbox/refunds", json={"settle_after": 3_000})
    rig.receiver.answers += [500, 500, 500]
    charge = await rig.paid()
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    await refund(rig, charge)
    for gap in (5, 10, 120):
        await until_async(lambda: rig.world.sender.outstanding == 1)
        await until_async(lambda: rig.world.outbox.pending()[0][0] > rig.world.clock.now())
        await rig.http.put("/sandbox/clock", json={"advance": gap})
    await until_async(lambda: len(rig.receiver.bodies) == 4)
    await rig.http.put("/sandbox/clock", json={"advance": 3_000})
    await until_async(lambda: len(rig.receiver.bodies) == 5)
    assert rig.receiver.events[4]["type"] == "refund.succeeded"


async def test_a_reset_puts_the_clock_and_the_refunds_right(rig: Rig) -> None:
    await hold_refunds(rig)
    await rig.http.put("/sandbox/clock", json={"advance": 3_600, "scale": 50})
    await rig.post("/sandbox/reset", status=204)
    clock = await rig.get("/sandbox/clock")
    assert (clock["scale"], clock["advanced"]) == (50, 0)
    made = await refund(rig, await rig.paid())
    await until_async(lambda: len(rig.receiver.bodies) == 2)
    assert rig.receiver.events[1]["data"]["object"]["id"] == made["id"]


async def test_the_clock_is_still_moved_on_after_a_restart(tmp_path: Path) -> None:
    async with running(tmp_path, Receiver()) as rig:
        await rig.http.put("/sandbox/clock", json={"advance": 3_600})
        await rig.http.put("/sandbox/clock", json={"advance": 60})
        before = (await rig.get("/sandbox/clock"))["now"]
    async with running(tmp_path, Receiver()) as rig:
        clock = await rig.get("/sandbox/clock")
        assert clock["advanced"] == 3_660
        assert before <= clock["now"] < before + 60
