"""What befalls the next call to the sandbox's gateway, if a test says so."""

import asyncio
import time
from typing import Any

import httpx
import pytest

from tests.patience import until_async
from tests.sandbox.kit import APP, Rig, order

pytestmark = pytest.mark.anyio

CREATE = {"method": "POST", "path": "/v1/charges$"}


async def be(rig: Rig, do: str, **rest: Any) -> None:
    await rig.post("/sandbox/next", {"do": do, **CREATE, **rest}, 201)


async def listed(rig: Rig) -> list[Any]:
    found: list[Any] = (await rig.get("/v1/charges", params={"app[id]": APP}))["data"]
    return found


async def unanswered(rig: Rig, path: str = "/v1/charges", content: Any = None) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await rig.http.post(path, json=order() if content is None else content)


async def test_an_answer_is_lost_of_a_call_that_was_carried_out(rig: Rig) -> None:
    await be(rig, "lose_answer")
    await unanswered(rig)
    (charge,) = await listed(rig)
    assert (await rig.create())["id"] == charge["id"], "the one after it is answered as ever"


async def test_an_answer_is_lost_of_a_call_that_is_refused(rig: Rig) -> None:
    await be(rig, "lose_answer")
    await unanswered(rig, content=order(amount=0))
    assert await listed(rig) == []


async def test_a_request_is_lost_before_anything_is_done(rig: Rig) -> None:
    await be(rig, "lose_request")
    await unanswered(rig)
    assert await listed(rig) == []
    await rig.create()


async def test_a_call_hangs_and_is_never_answered(rig: Rig) -> None:
    await be(rig, "hang", delay_ms=150)
    began = time.monotonic()
    await unanswered(rig)
    assert time.monotonic() - began >= 0.15
    assert await listed(rig) == []


@pytest.mark.parametrize(
    ("do", "given", "status", "type_"),
    [
        ("error", {}, 500, "api_error"),
        ("error", {"status": 503}, 503, "api_error"),
        ("error", {"status": 403}, 403, "api_error"),
        ("error", {"status": 404}, 404, "invalid_request_error"),
        ("refuse", {}, 402, "channel_error"),
        ("refuse", {"error": {"type": "card_error", "code": "mine", "param": "x"}}, 402, "card_error"),
        ("error_after", {}, 502, "api_error"),
        ("error_after", {"status": 500}, 500, "api_error"),
    ],
)
async def test_errors_come_before_or_after_the_deed(
    rig: Rig, do: str, given: dict[str, Any], status: int, type_: str
) -> None:
    await be(rig, do, **given)
    answer = await rig.create(status=status)
    assert answer["error"]["type"] == type_
    assert answer["error"]["message"]
    if status == 402:
        assert answer["error"]["code"] == given.get("error", {}).get("code", "channel_request_error")
    assert len(await listed(rig)) == (do == "error_after")


async def test_a_customer_pays_before_the_charge_is_reversed(rig: Rig) -> None:
    for channel, status in (("alipay_qr", 402), ("isv_qr", 200)):
        extra = {"pay_channel": "wx", "terminal_id": "T0000001"}
        charge = await rig.create(channel=channel, extra=extra)
        await be(rig, "pay_before", path="/v1/charges/.*/reverse")
        await rig.post(f"/v1/charges/{charge['id']}/reverse", status=status)
        after = await rig.get(f"/v1/charges/{charge['id']}")
        assert (after["paid"], after["reversed"]) == (True, status == 200)
    await until_async(lambda: len(rig.receiver.bodies) == 2)


async def test_a_customer_pays_before_the_create_is_answered(rig: Rig) -> None:
    await be(rig, "pay_after")
    charge = await rig.create()
    assert charge["paid"] is False, "the answer is from before"
    assert (await rig.get(f"/v1/charges/{charge['id']}"))["paid"] is True
    await until_async(lambda: len(rig.receiver.bodies) == 1)


async def test_a_customer_who_cannot_pay_does_not(rig: Rig) -> None:
    charge = await rig.create()
    await be(rig, "pay_after", path="/v1/charges/.*/reverse")
    assert (await rig.post(f"/v1/charges/{charge['id']}/reverse"))["reversed"] is True
    assert (await rig.get(f"/v1/charges/{charge['id']}"))["paid"] is False
    await be(rig, "pay_before", method="GET", path="/v1/charges")
    assert len(await listed(rig)) == 1, "a list is of no one charge"
    await be(rig, "pay_after")
    await rig.create(status=400, amount=0)


async def test_a_call_is_carried_out_late(rig: Rig) -> None:
    await be(rig, "delay", delay_ms=700)
    late = asyncio.create_task(rig.create())
    await asyncio.sleep(0.1)
    assert await listed(rig) == []
    charge = await late
    assert await listed(rig) == [charge]


async def test_an_answer_comes_late(rig: Rig) -> None:
    await be(rig, "delay_answer", delay_ms=300)
    late = asyncio.create_task(rig.create())
    while not (found := await listed(rig)):  # noqa: ASYNC110  it has no event for it
        await asyncio.sleep(0.01)
    (charge,) = found
    await rig.post(f"/sandbox/charges/{charge['id']}/pay")
    assert await late == charge, "and says what was true when the call was carried out"


async def test_only_the_calls_that_it_means_are_met(rig: Rig) -> None:
    charge = await rig.create()
    await be(rig, "error", path=f"/v1/charges/{charge['id']}$", method="GET", times=2)
    assert (await rig.get("/sandbox/next"))["next"] == [
        {
            "do": "error",
            "method": "GET",
            "path": f"/v1/charges/{charge['id']}$",
            "status": None,
            "error": {},
            "times": 2,
            "delay_ms": None,
        }
    ]
    await listed(rig)
    await rig.get(f"/v1/charges/{charge['id']}/refunds")
    await rig.get(f"/v1/charges/{charge['id']}", 401, headers={"authorization": "Bearer none"})
    await rig.get(f"/v1/charges/{charge['id']}", 500)
    assert (await rig.get("/sandbox/next"))["next"][0]["times"] == 1
    await rig.get(f"/v1/charges/{charge['id']}", 500)
    assert (await rig.get("/sandbox/next"))["next"] == []
    await rig.get(f"/v1/charges/{charge['id']}")


async def test_those_that_wait_come_in_their_order(rig: Rig) -> None:
    await be(rig, "error", status=500)
    await be(rig, "error", status=503)
    await be(rig, "error", status=502, method=None, path="/v1/")
    await rig.create(status=500)
    await rig.get("/v1/charges", 502, params={"app[id]": APP})
    await rig.create(status=503)
    await rig.create()


async def test_what_waits_can_be_called_off(rig: Rig) -> None:
    await be(rig, "error", times=5)
    assert (await rig.http.delete("/sandbox/next")).status_code == 204
    await rig.create()
    await be(rig, "error")
    await rig.post("/sandbox/reset", status=204)
    await rig.create()


@pytest.mark.parametrize(
    "wrong",
    [
        {},
        {"do": "explode"},
        {"do": "error", "status": 200},
        {"do": "error", "times": 0},
        {"do": "error", "path": "("},
        {"do": "error", "method": "post"},
        {"do": "delay", "delay_ms": -1},
        {"do": "error", "unknown": 1},
    ],
)
async def test_a_wrong_wish_is_refused(rig: Rig, wrong: dict[str, Any]) -> None:
    assert (await rig.post("/sandbox/next", wrong, 400))["code"] == "invalid"
    assert (await rig.get("/sandbox/next"))["next"] == []
