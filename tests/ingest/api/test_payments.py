"""Payments through the merchant API, from the first request to what became of it."""

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from processes.redis_server import Server
from tests.ingest.api.kit import APP, SCAN_CODE, Shop, asked, in_shop, opened, scanned
from tests.patience import until_async

pytestmark = pytest.mark.usefixtures("client")


def test_a_payment_is_created_known_and_shown(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        made = await shop.say("POST", "/payments", asked(metadata={"note": "x"}), 201)
        assert made.headers["location"] == f"/payments/order00000001?app={APP}"
        payment = made.json()
        assert (payment["status"], payment["amount"], payment["channel"]) == ("pending", 100, "alipay_qr")
        assert payment["qr_text"].startswith("https://qr.alipay.com/")
        assert payment["checkout_url"].startswith("http://127.0.0.1:8080/checkout/")
        assert await shop.create(status=200) == payment
        assert await shop.get("/payments/order00000001") == payment
        assert await shop.get(f"/payments/order00000001?app={APP}") == payment
        assert shop.line.creates == 1
        (charge,) = await shop.at_ping()
        assert charge["metadata"]["note"] == "x"
        assert charge["metadata"]["pingpp_ingest_order"] == "order00000001"

    in_shop(server, tmp_path, calls)


def test_a_hundred_equal_requests_at_once_make_one_charge(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> list[Any]:
        await shop.befall("delay", delay_ms=200)
        answers = await asyncio.gather(*(shop.say("POST", "/payments", asked()) for _ in range(100)))
        assert len(await shop.at_ping()) == shop.line.creates == 1
        return answers

    answers = in_shop(server, tmp_path, calls)
    assert sorted(answer.status_code for answer in answers) == [200] * 99 + [201]
    assert len({answer.text for answer in answers}) == 1


def test_another_channel_is_a_new_attempt_and_the_old_charge_is_closed(
    server: Server, tmp_path: Path
) -> None:
    async def calls(shop: Shop) -> None:
        first = await shop.create(asked(order_no="a" * 40))
        wechat = asked(order_no="a" * 40, channel="wx_pub_qr", extra={"product_id": "p1"})
        second = await shop.create(
            wechat, 200
        )  # 40 characters are too many for WeChat, but not for an attempt
        assert second["qr_text"].startswith("weixin://")
        assert {one["id"]: one["status"] for one in second["charges"]}[
            first["charges"][0]["id"]
        ] == "reversed"
        assert await shop.create(wechat, 200) == second

    in_shop(server, tmp_path, calls)


def test_an_order_has_one_price(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create()
        for other in (asked(amount=101), asked(currency="usd", channel="cb_alipay_qr")):
            assert (await shop.create(other, 409))["code"] == "order_conflict"
        assert shop.line.creates == 1

    in_shop(server, tmp_path, calls)


def test_a_code_at_the_till_gets_one_definite_answer(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        paid = await shop.say("POST", "/payments", scanned(), 201, headers={"Prefer": "wait=20"})
        assert paid.headers["preference-applied"] == "wait=20"
        assert (paid.json()["status"], paid.json()["paid_at"] is None) == ("paid", False)
        known = await shop.create(scanned(), 200)
        assert known == paid.json()
        assert (await shop.create(asked(), 409))["code"] == "not_payable"

    with capture_logs() as lines:
        in_shop(server, tmp_path, calls)
    assert SCAN_CODE not in str(lines)
    asks = [line for line in lines if line["event"] == "payment asked for"]
    assert [(line["outcome"], line["status"]) for line in asks] == [
        ("paid", 201),
        ("paid", 200),
        ("not_payable", 409),
    ]
    known = {"event", "log_level", "outcome", "order_no", "app", "channel", "status", "duration_ms"}
    assert all(line.keys() == known for line in asks)


def test_what_ping_refuses_is_told_with_its_error_and_can_be_tried_again(
    server: Server, tmp_path: Path
) -> None:
    async def calls(shop: Shop) -> None:
        error = {"type": "invalid_request_error", "code": "channel_off", "param": "channel", "message": "no"}
        await shop.befall("refuse", status=400, error=error)
        problem = await shop.create(status=422)
        assert (problem["code"], problem["error"]) == ("gateway_refused", error)
        shown = await shop.get("/payments/order00000001")
        assert (shown["status"], shown["failure"]["code"]) == ("failed", "channel_off")
        assert (await shop.create(status=200))["status"] == "pending"

    in_shop(server, tmp_path, calls)


def test_who_waits_for_another_ones_attempt_hears_of_its_refusal(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> list[Any]:
        await shop.befall("refuse", delay_ms=300)
        return await asyncio.gather(*(shop.create(status=422) for _ in range(5)))

    for problem in in_shop(server, tmp_path, calls):
        assert problem["code"] == "gateway_refused"
        assert problem["error"]["code"] == "channel_request_error"


@pytest.mark.parametrize(
    ("status", "answer", "code"),
    [(401, 503, "unavailable"), (403, 429, "rate_limited"), (429, 429, "rate_limited")],
)
def test_what_was_surely_not_done_can_be_asked_for_again(
    server: Server, tmp_path: Path, status: int, answer: int, code: str
) -> None:
    async def calls(shop: Shop) -> None:
        await shop.befall("refuse", status=status)
        problem = await shop.say("POST", "/payments", asked(), answer)
        assert (problem.json()["code"], problem.headers["retry-after"]) == (code, "5")
        assert (await shop.create(status=200))["status"] == "pending"

    in_shop(server, tmp_path, calls)


def test_an_unknown_outcome_is_202_until_it_is_known(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.befall("lose_request")
        made = await shop.say("POST", "/payments", asked(), 202)
        assert made.json()["status"] == "creating"
        assert (made.headers["retry-after"], made.headers["location"]) == (
            "1",
            f"/payments/order00000001?app={APP}",
        )
        assert (await shop.get("/payments/order00000001"))["status"] == "creating"
        problem = await shop.say("POST", "/payments", scanned(), 409)
        assert (problem.json()["code"], problem.headers["retry-after"]) == ("attempt_open", "3")
        assert shop.line.creates == 1

    in_shop(server, tmp_path, calls)


def test_a_lost_answer_is_found_at_once(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.befall("lose_answer")
        assert (await shop.create())["status"] == "pending"
        assert shop.line.creates == len(await shop.at_ping()) == 1

    in_shop(server, tmp_path, calls)


def test_who_waits_is_told_as_soon_as_it_is_paid(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> None:
        payment = await shop.create()
        await shop.pay(payment)

        async def learn() -> None:
            await asyncio.sleep(0.3)
            # any write does: closing looks at the charge first, and finds it paid
            await shop.post("/payments/order00000001/close")

        began = time.monotonic()
        waiting = shop.say(
            "GET", "/payments/order00000001", None, 200, headers={"Prefer": "respond-async, wait=30"}
        )
        answer, _ = await asyncio.gather(waiting, learn())
        assert (answer.json()["status"], answer.headers["preference-applied"]) == ("paid", "wait=30")
        assert time.monotonic() - began < 30  # not at the end of its wait
        assert client.exists("hastened:" + f"{APP}:order00000001")

    in_shop(server, tmp_path, calls)


def test_a_wait_ends_after_its_seconds_and_what_goes_on_goes_on(server: Server, tmp_path: Path) -> None:
    async def calls() -> None:
        async with opened(server, tmp_path, listening=True) as shop:
            await shop.befall("delay", delay_ms=3000)
            began = time.monotonic()
            early = await shop.say("POST", "/payments", asked(), 202, headers={"Prefer": "wait=1"})
            assert time.monotonic() - began > 0.9
            assert (early.json()["status"], early.headers["preference-applied"]) == ("creating", "wait=1")
            assert (await shop.create(status=200))["status"] == "pending"
            began = time.monotonic()
            pending = await shop.get("/payments/order00000001", headers={"Prefer": "wait=1"})
            assert (pending["status"], time.monotonic() - began > 0.9) == ("pending", True)
            await shop.befall("delay", delay_ms=1000)
            now = await shop.say("POST", "/payments", asked(2), 202, headers={"Prefer": "wait=0"})
            assert now.json()["status"] == "creating"
            assert (await shop.create(asked(2), 200))["status"] == "pending"
            assert shop.line.creates == 2

    asyncio.run(calls())


def test_a_client_that_goes_away_does_not_stop_a_create_midway(server: Server, tmp_path: Path) -> None:
    async def calls() -> None:
        async with opened(server, tmp_path, listening=True) as shop:
            await shop.befall("delay", delay_ms=500)
            going = asyncio.create_task(shop.create())
            await until_async(lambda: shop.line.creates == 1)
            going.cancel()
            await asyncio.gather(going, return_exceptions=True)
            shown = await shop.get("/payments/order00000001")
            while shown["status"] == "creating":
                await asyncio.sleep(0.05)
                shown = await shop.get("/payments/order00000001")
            assert (shown["status"], shop.line.creates) == ("pending", 1)

    asyncio.run(calls())


def test_who_waits_beside_an_old_open_charge_is_not_told_of_that_one(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        foreign = asked(currency="usd", channel="cb_alipay_qr")
        await shop.create(foreign)  # it cannot be reversed, and stays open
        await shop.befall("delay", delay_ms=400)
        till = {**foreign, "channel": "cb_alipay_scan", "extra": {"scan_code": "2" * 18}}
        both = await asyncio.gather(*(shop.say("POST", "/payments", till) for _ in range(3)))
        assert {answer.status_code for answer in both} <= {200, 202}
        assert (await shop.create(till, 200))["status"] == "paid"
        assert shop.line.creates == 2

    in_shop(server, tmp_path, calls)


def test_one_line_a_request_tells_nothing_of_the_customer(server: Server, tmp_path: Path) -> None:
    secrets = ("203.0.113.7", "茶叶", "Tea, 100 g", "a note", "token-of-the-shop", SCAN_CODE)

    async def calls(shop: Shop) -> None:
        await shop.create(asked(metadata={"n": "a note"}))
        await shop.create(scanned(2))
        await shop.create(scanned(3, amount=0), 422)
        await shop.refund(2, "r1", {"description": "a note"})
        await shop.post("/payments/order00000001/close")
        await shop.post("/payments/order00000001/reverse", status=409)

    with capture_logs() as lines:
        in_shop(server, tmp_path, calls)
    told = [
        (line["event"], line["outcome"], line["status"])
        for line in lines
        if line["event"].endswith("asked for")
    ]
    assert told == [
        ("payment asked for", "pending", 201),
        ("payment asked for", "paid", 201),
        ("payment asked for", "invalid", 422),
        ("refund asked for", "refunded", 201),
        ("close asked for", "closed", 200),
        ("reverse asked for", "not_reversible", 409),
    ]
    assert not [secret for secret in secrets if secret in str(lines)]
