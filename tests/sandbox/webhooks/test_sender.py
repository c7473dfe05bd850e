"""What the sandbox sends, and how often."""

import asyncio
import base64
from pathlib import Path

import httpx
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.webhooks.sender import GAPS
from tests.patience import until_async
from tests.sandbox.kit import LIVE_KEY, Receiver, Rig, running

pytestmark = pytest.mark.anyio


async def public_key(rig: Rig) -> rsa.RSAPublicKey:
    key = serialization.load_pem_public_key((await rig.http.get("/sandbox/public_key.pem")).content)
    assert isinstance(key, rsa.RSAPublicKey)
    return key


def verify(key: rsa.RSAPublicKey, signature: str, body: bytes) -> None:
    key.verify(base64.b64decode(signature, validate=True), body, padding.PKCS1v15(), hashes.SHA256())


async def test_a_payment_is_told_in_a_signed_event(rig: Rig) -> None:
    charge = await rig.paid()
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    body, event = rig.receiver.bodies[0], rig.receiver.events[0]
    key = await public_key(rig)
    verify(key, rig.receiver.signatures[0], body)
    with pytest.raises(InvalidSignature):
        verify(key, rig.receiver.signatures[0], body + b"\n")
    assert "Your Subject 订单".encode() in body, "raw UTF-8, as Ping++ sends it"
    assert event["id"].startswith("evt_")
    assert len(event["id"]) == 28
    assert event["object"] == "event"
    assert event["type"] == "charge.succeeded"
    assert event["livemode"] is False
    assert event["pending_webhooks"] == 1
    assert event["request"].startswith("iar_")
    assert event["data"] == {"object": charge}
    kept = await rig.get(f"/v1/events/{event['id']}")
    assert {**kept, "pending_webhooks": 1} == event
    await rig.get("/v1/events/evt_unknown", 404)


async def test_what_is_refused_is_sent_again_until_it_is_taken(rig: Rig) -> None:
    rig.receiver.answers += [500, 302, 404]
    await rig.run_at(1_000)
    charge = await rig.paid()
    await until_async(lambda: len(rig.receiver.bodies) == 4)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    assert len(set(rig.receiver.bodies)) == 1, "the same bytes each time while the counter stands still"
    tries = (await rig.attempts(object_id=charge["id"]))[::-1]
    assert [one["attempt"] for one in tries] == [1, 2, 3, 4]
    assert [one["status"] for one in tries] == [500, 302, 404, 200]
    assert [one["state"] for one in tries] == ["pending", "pending", "pending", "delivered"]


async def test_the_first_repeat_waits_for_its_time(rig: Rig) -> None:
    rig.receiver.answers += [500]
    await rig.paid()
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    await until_async(lambda: rig.world.outbox.pending() != [])
    (due, _), now = rig.world.outbox.pending()[0], rig.world.clock.now()
    assert now < due <= now + GAPS[0]
    await rig.run_at(1000)  # what waits already follows the new pace
    await until_async(lambda: len(rig.receiver.bodies) == 2)


async def test_after_eleven_deliveries_it_gives_up(rig: Rig) -> None:
    rig.receiver.always = 503
    await rig.run_at(1_000_000)
    charge = await rig.paid()
    await until_async(lambda: len(rig.receiver.bodies) == 11)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    tries = await rig.attempts(object_id=charge["id"])
    assert [one["state"] for one in tries] == ["gave_up", *["pending"] * 10]
    assert sum(GAPS) == 24 * 3600 + 47 * 60 + 15


async def test_however_fast_the_repeats_come_none_is_lost_from_sight(rig: Rig) -> None:
    rig.receiver.always = 503
    await rig.run_at(1_000_000)
    for number in range(10):
        charge = await rig.paid(order_no=f"order{number}")
        while rig.world.sender.outstanding:  # noqa: ASYNC110 - it is looked at in each turn of the loop
            await asyncio.sleep(0)
        tries = await rig.attempts(object_id=charge["id"])
        assert tries[0]["state"] == "gave_up"


async def test_a_receiver_that_is_away_is_tried_again(tmp_path: Path) -> None:
    calls = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request)
        if len(calls) < 3:
            raise httpx.ConnectError("nobody there")
        return httpx.Response(204)

    async with running(tmp_path, Receiver(), httpx.MockTransport(answer)) as rig:
        await rig.run_at(1000)
        charge = await rig.paid()
        await until_async(lambda: len(calls) == 3)
        await until_async(lambda: rig.world.sender.outstanding == 0)
        tries = (await rig.attempts(object_id=charge["id"]))[::-1]
        assert [one["status"] for one in tries] == [None, None, 204]
        assert tries[0]["error"] == "ConnectError: nobody there"
        assert [one["state"] for one in tries] == ["pending", "pending", "delivered"]


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    receiver = Receiver(always=500)
    async with running(tmp_path, receiver) as rig:
        await rig.run_at(50)
        charge = await rig.paid()
        refund = await rig.post(f"/v1/charges/{charge['id']}/refunds", {"description": "back"})
        await until_async(lambda: len(receiver.bodies) >= 1)
        key = await public_key(rig)
    receiver.always = 200
    async with running(tmp_path, receiver) as rig:
        assert (await rig.get("/sandbox/clock"))["scale"] == 50
        await until_async(lambda: rig.world.sender.outstanding == 0)
        tries = await rig.attempts(object_id=charge["id"])
        assert tries[0]["state"] == "delivered"
        assert tries[0]["attempt"] >= 2
        await until_async(lambda: "refund.succeeded" in [one["type"] for one in receiver.events])
        assert (await rig.get(f"/v1/charges/{charge['id']}/refunds/{refund['id']}"))["status"] == "succeeded"
        verify(key, receiver.signatures[-1], receiver.bodies[-1])


async def test_a_test_case_has_the_payment_told_twice(rig: Rig) -> None:
    charge = await rig.paid(metadata={"pingpp_tc": "001"})
    await until_async(lambda: len(rig.receiver.bodies) == 2)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    first, second = rig.receiver.events
    assert {**first, "pending_webhooks": 0} == {**second, "pending_webhooks": 0}
    assert first["data"]["object"] == charge
    assert [one["attempt"] for one in await rig.attempts(object_id=charge["id"])] == [1, 1]


async def test_each_of_the_two_is_repeated_for_itself(rig: Rig) -> None:
    rig.receiver.answers += [500, 200, 200]
    await rig.run_at(1_000)
    charge = await rig.paid(metadata={"pingpp_tc": "001"})
    await until_async(lambda: len(rig.receiver.bodies) == 3)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    assert len(await rig.attempts(object_id=charge["id"])) == 3


async def test_a_test_case_has_the_payment_told_five_minutes_late(rig: Rig) -> None:
    await rig.paid(metadata={"pingpp_tc": "002"})
    (due, _), now = rig.world.outbox.pending()[0], rig.world.clock.now()
    assert now + 299 < due <= now + 300
    await rig.paid(order_no="after it")
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    assert rig.receiver.events[0]["data"]["object"]["order_no"] == "after it"
    await rig.run_at(100_000)
    await until_async(lambda: len(rig.receiver.bodies) == 2)


@pytest.mark.parametrize("case", ["001", "002"])
async def test_test_cases_are_of_the_test_mode_and_of_payments_alone(rig: Rig, case: str) -> None:
    metadata = {"pingpp_tc": case}
    live = await rig.paid(order_no="live", metadata=metadata, headers=LIVE_KEY)
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    charge = await rig.paid(order_no="test")
    back = {"description": "back", "metadata": metadata}
    await rig.post(f"/v1/charges/{live['id']}/refunds", back, headers=LIVE_KEY)
    await rig.post(f"/v1/charges/{charge['id']}/refunds", back)
    await until_async(lambda: len(rig.receiver.bodies) == 4)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    assert len(rig.receiver.bodies) == 4
