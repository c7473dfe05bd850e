"""Story: refunds, closing and reversing through the merchant API."""

import asyncio
from pathlib import Path
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from processes.redis_server import Server
from tests.conftest import messages
from tests.ingest.api.kit import APP, Shop, asked, errors, in_shop, scanned

pytestmark = pytest.mark.usefixtures("client")
WHY = {"description": "one cup was broken"}
REFUNDS = "/payments/order00000001/refunds"


def test_a_refund_is_made_once_for_each_key(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create(scanned())
        content = {**WHY, "amount": 40, "metadata": {"n": 1}}
        first = await shop.refund(1, "r1", content)
        assert first["refund"] == first["payment"]["refunds"][0]
        shown = {name: first["refund"][name] for name in ("idempotency_key", "amount", "status")}
        assert shown == {"idempotency_key": "r1", "amount": 40, "status": "pending"}
        again = await shop.refund(1, "r1", content, 200)
        assert again["refund"] == first["refund"]
        other = await shop.refund(1, "r1", {**content, "amount": 41}, 422)
        ((field, _),) = errors(other)
        assert field == "Idempotency-Key"
        assert (await shop.refund(1, "r2", {**WHY, "amount": 61}, 409))["code"] == "refund_exceeds"
        rest = await shop.refund(1, "r2", WHY)
        assert rest["refund"]["amount"] == 60
        assert (await shop.refund(1, "r3", WHY, 409))["code"] == "not_refundable"
        assert [
            path for method, path in shop.line.calls if method == "POST" and "refunds" in path
        ].__len__() == 2

    in_shop(server, tmp_path, calls)


def test_equal_refunds_at_once_are_one_and_other_keys_do_not_exceed(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create(scanned())
        asks = [
            shop.say("POST", REFUNDS, {**WHY, "amount": 30}, headers={"Idempotency-Key": f"r{n % 5}"})
            for n in range(40)
        ]
        answers = await asyncio.gather(*asks)
        made = {one.json()["refund"]["id"] for one in answers if one.is_success}
        assert len(made) == 3
        assert {one.json()["code"] for one in answers if not one.is_success} == {"refund_exceeds"}

    in_shop(server, tmp_path, calls)


def test_a_refund_is_held_against_its_rules_before_anything_is_sent(server: Server, tmp_path: Path) -> None:
    wrong: list[tuple[Any, str]] = [
        ({}, "description"),
        ({"description": ""}, "description"),
        ({"description": "x" * 256}, "description"),
        ({**WHY, "amount": 0}, "amount"),
        ({**WHY, "amount": "1"}, "amount"),
        ({**WHY, "funding_source": "elsewhere"}, "funding_source"),
        ({**WHY, "charge": "ch 1"}, "charge"),
        ({**WHY, "extra": []}, "extra"),
        ({**WHY, "extra": {"a": 2**60}}, "extra"),
        ({**WHY, "metadata": {str(n): n for n in range(19)}}, "metadata"),
        ({**WHY, "reason": "x"}, "reason"),
    ]

    async def calls(shop: Shop) -> None:
        await shop.create(scanned())
        before = len(shop.line.calls)
        for content, field in wrong:
            ((named, _),) = errors(await shop.refund(1, "r1", content, 422))
            assert named == field
        for key in ("", "with blank", "x" * 256):
            ((named, _),) = errors(await shop.refund(1, key, WHY, 422))
            assert named == "Idempotency-Key"
        assert errors(await shop.post(REFUNDS, WHY, 422))[0][1].startswith("required: ")
        twice = [("Idempotency-Key", "a"), ("Idempotency-Key", "b")]
        assert errors(await shop.post(REFUNDS, WHY, 422, headers=twice)) == [
            ("Idempotency-Key", "given once")
        ]
        assert (await shop.refund(2, "r1", WHY, 404))["code"] == "not_found"
        assert (await shop.refund(1, "r1", {**WHY, "charge": "ch_other"}, 409))["code"] == "not_refundable"
        assert len(shop.line.calls) == before

    in_shop(server, tmp_path, calls)


def test_an_unpaid_payment_cannot_be_refunded(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create()
        assert (await shop.refund(1, "r1", WHY, 409))["code"] == "not_refundable"
        assert len(shop.line.calls) == 1

    in_shop(server, tmp_path, calls)


def test_a_foreign_refund_needs_its_rate(server: Server, tmp_path: Path) -> None:
    foreign = asked(currency="usd", channel="cb_alipay_scan", extra={"scan_code": "2" * 18})

    async def calls(shop: Shop) -> None:
        await shop.create(foreign)
        problem = await shop.refund(1, "r1", WHY, 422)
        assert [field for field, _ in errors(problem)] == ["extra.rate", "extra.refund_amount"]
        problem = await shop.refund(1, "r1", {**WHY, "extra": {"rate": 0, "refund_amount": "x"}}, 422)
        assert [field for field, _ in errors(problem)] == ["extra.rate", "extra.refund_amount"]
        await shop.refund(1, "r1", {**WHY, "extra": {"rate": "6.64640000", "refund_amount": 100}})

    in_shop(server, tmp_path, calls)


def test_a_refund_that_ping_refuses_frees_its_amount(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create(scanned())
        await shop.befall(
            "refuse", "/v1/charges/.*/refunds", error={"code": "balance", "message": "too little"}
        )
        first = await shop.refund(1, "r1", WHY, 422)
        assert (first["code"], first["error"]["code"], first["error"]["message"]) == (
            "gateway_refused", "balance", "too little",
        )  # fmt: skip
        again = await shop.refund(1, "r1", WHY, 422)
        assert (again["code"], again["error"]["code"]) == ("gateway_refused", "balance")
        await shop.befall("refuse", "/v1/charges/.*/refunds", status=401)
        assert (await shop.refund(1, "r2", WHY, 503))["code"] == "unavailable"
        assert (await shop.refund(1, "r2", WHY))["refund"]["amount"] == 100

    in_shop(server, tmp_path, calls)


def test_a_refund_whose_outcome_is_not_known_is_202(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create(scanned())
        await shop.befall("lose_request", "/v1/charges/.*/refunds")
        first = await shop.refund(1, "r1", {**WHY, "amount": 60}, 202)
        assert (first["refund"]["id"], first["refund"]["status"]) == (None, "pending")
        assert (await shop.refund(1, "r2", {**WHY, "amount": 60}, 409))["code"] == "refund_exceeds"

    in_shop(server, tmp_path, calls)


def test_several_paid_charges_need_to_be_told_apart(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        foreign = asked(currency="usd", channel="cb_alipay_qr")
        await shop.create(foreign)  # cannot be reversed: it stays open beside the next one
        both = await shop.create(
            {**foreign, "channel": "cb_alipay_scan", "extra": {"scan_code": "2" * 18}}, 200
        )
        for charge in both["charges"]:
            await shop.customer.post(f"/sandbox/charges/{charge['id']}/pay")
        await shop.post("/payments/order00000001/close", status=200)
        content = {**WHY, "extra": {"rate": 6.6, "refund_amount": 100}}
        ((field, rule),) = errors(await shop.refund(1, "r1", content, 422))
        assert (field, both["charges"][0]["id"] in rule) == ("charge", True)
        for number, charge in enumerate(both["charges"]):
            made = await shop.refund(1, f"k{number}", {**content, "charge": charge["id"]})
            assert made["refund"]["charge"] == charge["id"]

    in_shop(server, tmp_path, calls)


def test_closing_reverses_and_ends_the_checkout(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create()
        closed = await shop.post("/payments/order00000001/close", {"if_paid": "refund"})
        assert (closed["status"], "qr_text" in closed) == ("closed", False)
        assert await shop.post("/payments/order00000001/close") == closed
        assert (await shop.create(status=409))["code"] == "not_payable"

    in_shop(server, tmp_path, calls)
    assert [message["type"] for message in messages(client)] == ["pingpp.payment.closed"]


def test_a_paid_payment_is_kept_or_given_back(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create(scanned())
        assert (await shop.post("/payments/order00000001/reverse", status=409))["code"] == "not_reversible"
        given_back = await shop.post("/payments/order00000001/reverse", {"if_paid": "refund"})
        assert (given_back["status"], given_back["charges"][0]["status"]) == ("refunded", "reversed")
        payment = await shop.create(asked(2))
        await shop.pay(payment)
        for content in ({"if_paid": "refund"}, {"if_paid": "keep"}, {}, None):
            problem = await shop.post("/payments/order00000002/reverse", content, 409)
            assert problem["code"] == "not_reversible"
        assert (await shop.get("/payments/order00000002"))["status"] == "paid"
        assert [path for _, path in shop.line.calls if path.endswith("/reverse")].__len__() == 1

    in_shop(server, tmp_path, calls)


def test_a_reversal_that_is_not_settled_is_202(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create()
        await shop.befall("lose_request", "/v1/charges/.*/reverse")
        waiting = await shop.say("POST", "/payments/order00000001/reverse", None, 202)
        assert (waiting.headers["retry-after"], waiting.headers["location"]) == (
            "1",
            f"/payments/order00000001?app={APP}",
        )
        assert (await shop.create(status=409))["code"] == "attempt_open"
        await shop.befall("lose_request")
        await shop.create(asked(2), 202)
        assert (await shop.post("/payments/order00000002/reverse", status=409))["code"] == "attempt_open"
        assert (await shop.post("/payments/order00000002/close", status=202))["status"] == "creating"

    in_shop(server, tmp_path, calls)


@pytest.mark.parametrize("verb", ["close", "reverse"])
def test_what_is_asked_of_a_reversal_has_its_rules_too(server: Server, tmp_path: Path, verb: str) -> None:
    async def calls(shop: Shop) -> None:
        await shop.create()
        path = f"/payments/order00000001/{verb}"
        assert errors(await shop.post(path, {"if_paid": "perhaps"}, 422)) == [
            ("if_paid", "one of keep, refund")
        ]
        assert errors(await shop.post(path, {"ifpaid": "keep"}, 422)) == [("ifpaid", "no such field")]
        assert errors(await shop.post(path, [], 400)) == [("", "a JSON object")]
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        await shop.say("POST", path, None, 415, content=b"if_paid=keep", headers=form)
        assert len(shop.line.calls) == 1
        await shop.say("POST", path, None, 200, headers=form)  # as curl sends nothing

    with capture_logs() as lines:
        in_shop(server, tmp_path, calls)
    assert [line["outcome"] for line in lines if line["event"] == f"{verb} asked for"][-1] == "closed"
