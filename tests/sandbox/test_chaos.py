"""The sandbox where things go wrong by themselves."""

import time
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.chaos import Chaos, Lots
from sandbox.webhooks import keys
from tests.patience import until_async
from tests.sandbox.kit import APP, Receiver, Rig, order

pytestmark = pytest.mark.anyio

CALM = {
    "drop": 0,
    "duplicate": 0,
    "corrupt": 0,
    "delay_ms": [0, 0],
    "reorder": False,
    "api_error": 0,
    "api_error_status": 500,
    "api_timeout": 0,
    "api_timeout_ms": 1000,
}


async def chaos(rig: Rig, **wanted: Any) -> Any:
    answer = await rig.http.put("/sandbox/chaos", json=wanted)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def pay_for(rig: Rig, count: int) -> list[str]:
    return [(await rig.paid(order_no=f"order{number}"))["id"] for number in range(count)]


async def fates(rig: Rig, count: int) -> list[str]:
    """How so many creates end: made or refused by status, or unanswered and made, or not."""
    ends = []
    for number in range(count):
        try:
            answer = await rig.http.post("/v1/charges", json=order(order_no=f"number{number}"))
            end = str(answer.status_code)
        except httpx.RemoteProtocolError:
            end = "unanswered"
        made = await rig.get("/sandbox/charges", params={"order_no": f"number{number}"})
        ends.append(f"{end}, {'made' if made['charges'] else 'not made'}")
    return ends


async def test_nothing_goes_wrong_unless_it_is_told_to(rig: Rig) -> None:
    answer = await rig.get("/sandbox/chaos")
    assert answer == CALM | {"seed": answer["seed"]}
    assert isinstance(answer["seed"], int)


async def test_what_is_not_said_is_calm_again(rig: Rig) -> None:
    told = {"drop": 0.25, "delay_ms": [1, 2], "api_error_status": 429, "seed": 7}
    assert await chaos(rig, **told) == CALM | told
    assert await chaos(rig, reorder=True, seed=8) == CALM | {"reorder": True, "seed": 8}
    assert (await rig.get("/sandbox/chaos"))["reorder"] is True
    await rig.post("/sandbox/reset", status=204)
    assert (await rig.get("/sandbox/chaos"))["reorder"] is False


@pytest.mark.parametrize(
    "wrong",
    [
        {"drop": 1.5},
        {"drop": -0.1},
        {"drop": "often"},
        {"delay_ms": [2, 1]},
        {"delay_ms": [1]},
        {"delay_ms": 5},
        {"reorder": 1},
        {"api_error_status": 200},
        {"seed": "x"},
        {"unknown": 1},
    ],
)
async def test_a_wrong_wish_is_refused(rig: Rig, wrong: dict[str, Any]) -> None:
    assert (await rig.http.put("/sandbox/chaos", json=wrong)).status_code == 400
    assert (await rig.get("/sandbox/chaos"))["drop"] == 0


async def test_nothing_arrives_while_everything_is_dropped(rig: Rig) -> None:
    await chaos(rig, drop=1)
    await rig.run_at(1_000_000)
    charge = await rig.paid()
    await until_async(lambda: rig.world.sender.outstanding == 0)
    tries = await rig.attempts(object_id=charge["id"])
    assert len(tries) == 11
    assert {(one["status"], one["error"]) for one in tries} == {(None, "chaos: dropped")}
    assert tries[0]["state"] == "gave_up"
    assert rig.receiver.bodies == []


async def test_what_was_dropped_arrives_with_a_repeat(rig: Rig) -> None:
    await chaos(rig, drop=0.35, seed=1)
    await rig.run_at(1_000_000)
    charges = await pay_for(rig, 20)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    assert {event["data"]["object"]["id"] for event in rig.receiver.events} == {*charges}
    tries = await rig.attempts()
    assert 20 < len(tries) < 80
    assert len(rig.receiver.bodies) == 20


async def test_events_are_sent_twice(rig: Rig) -> None:
    await chaos(rig, duplicate=1)
    await pay_for(rig, 3)
    await until_async(lambda: len(rig.receiver.bodies) == 6)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    ids = [event["id"] for event in rig.receiver.events]
    assert sorted(ids) == sorted([*{*ids}] * 2)


def signed_by(key: rsa.RSAPublicKey, receiver: Receiver) -> list[bool]:
    return [
        keys.verifies(key, signature, body)
        for body, signature in zip(receiver.bodies, receiver.signatures, strict=True)
    ]


async def test_a_damaged_webhook_does_not_verify(rig: Rig) -> None:
    await chaos(rig, corrupt=1, seed=3)
    key = serialization.load_pem_public_key((await rig.http.get("/sandbox/public_key.pem")).content)
    assert isinstance(key, rsa.RSAPublicKey)
    rig.receiver.always = 401
    charges = await pay_for(rig, 10)
    await until_async(lambda: len(rig.receiver.bodies) == 10)
    assert signed_by(key, rig.receiver) == [False] * 10
    await until_async(lambda: len(rig.world.outbox.pending()) == 10)
    tries = [(await rig.attempts(object_id=id_))[0] for id_ in charges]
    assert {one["error"] for one in tries} == {"chaos: body damaged", "chaos: signature damaged"}
    assert {(one["status"], one["state"]) for one in tries} == {(401, "pending")}
    # The damage was on the way: what is sent again is whole.
    await chaos(rig)
    rig.receiver.always = 200
    await rig.run_at(1_000)
    await until_async(lambda: rig.world.sender.outstanding == 0)
    assert signed_by(key, rig.receiver)[10:] == [True] * 10


async def test_webhooks_come_late_but_in_their_order(rig: Rig) -> None:
    await chaos(rig, delay_ms=[100, 300], seed=1)
    began = time.monotonic()
    charges = await pay_for(rig, 15)
    await until_async(lambda: len(rig.receiver.bodies) == 15)
    assert time.monotonic() - began >= 0.1
    assert [event["data"]["object"]["id"] for event in rig.receiver.events] == charges


async def test_webhooks_overtake_each_other(rig: Rig) -> None:
    await chaos(rig, reorder=True)
    charges = await pay_for(rig, 15)
    await until_async(lambda: len(rig.receiver.bodies) == 15)
    came = [event["data"]["object"]["id"] for event in rig.receiver.events]
    assert came != charges
    assert sorted(came) == sorted(charges)


async def test_delays_are_in_real_time_however_fast_the_repeats_run(rig: Rig) -> None:
    await rig.run_at(1_000_000)
    await chaos(rig, delay_ms=[200, 200])
    began = time.monotonic()
    await rig.paid()
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    assert time.monotonic() - began >= 0.2


@pytest.mark.parametrize("status", [403, 429, 500, 502, 503])
async def test_calls_fail(rig: Rig, status: int) -> None:
    await chaos(rig, api_error=1, api_error_status=status)
    assert (await rig.create(status=status))["error"]["type"] == "api_error"
    await rig.get("/v1/charges/ch_x", status)
    await rig.get("/v1/charges", 401, headers={"authorization": ""})
    assert (await rig.get("/sandbox/charges"))["charges"] == []


async def test_calls_are_never_answered_whether_or_not_they_were_carried_out(rig: Rig) -> None:
    await chaos(rig, api_timeout=1, api_timeout_ms=1, seed=5)
    ends = await fates(rig, 20)
    assert {*ends} == {"unanswered, made", "unanswered, not made"}


async def test_a_call_hangs_before_it_is_never_answered(rig: Rig) -> None:
    await chaos(rig, api_timeout=1, api_timeout_ms=150)
    began = time.monotonic()
    with pytest.raises(httpx.RemoteProtocolError):
        await rig.http.get("/v1/charges", params={"app[id]": APP})
    assert time.monotonic() - began >= 0.15


async def test_the_same_seed_is_the_same_chaos(rig: Rig) -> None:
    wanted = {"api_error": 0.3, "api_timeout": 0.3, "api_timeout_ms": 1, "seed": 11}
    runs = []
    for seed in (11, 11, 12):
        await rig.post("/sandbox/reset", status=204)
        await chaos(rig, **{**wanted, "seed": seed})
        runs.append(await fates(rig, 30))
    assert runs[0] == runs[1] != runs[2]
    assert {*runs[0]} == {"200, made", "500, not made", "unanswered, made", "unanswered, not made"}


async def test_what_was_asked_for_comes_before_what_is_drawn(rig: Rig) -> None:
    await chaos(rig, api_error=1)
    await rig.post("/sandbox/next", {"do": "error", "status": 503}, 201)
    await rig.create(status=503)
    await rig.create(status=500)


def test_calls_do_not_change_what_happens_to_webhooks() -> None:
    def drops(calls: int) -> list[bool]:
        lots = Lots()
        lots.set(Chaos(drop=0.5, api_error=0.5, seed=1))
        return [bool([lots.fate() for _ in range(calls)]) and lots.drops() for _ in range(50)]

    assert drops(1) == drops(5)
    assert {*drops(1)} == {True, False}


def test_one_chance_does_not_change_the_outcome_of_the_other() -> None:
    def lost(api_error: float) -> list[int]:
        lots = Lots()
        lots.set(Chaos(api_error=api_error, api_timeout=0.3, seed=1))
        drawn = [lots.fate() for _ in range(200)]
        return [place for place, fate in enumerate(drawn) if fate and fate.do.startswith("lose")]

    assert {*lost(0.3)} < {*lost(0.0)}
