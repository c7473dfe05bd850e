"""Charges made elsewhere are put under watch through the merchant API."""

import asyncio
import itertools
import json
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pytest
import redis
from structlog.testing import capture_logs

from payments.books.document import SCHEMA
from payments.books.join import Odd
from payments.books.payment import Payment
from payments.pingpp.sighting import of_charge
from payments.taking.desk import Desk
from processes.redis_server import Server
from tests.conftest import charge_object
from tests.ingest.api.kit import APP, Shop, asked, errors, in_shop

pytestmark = pytest.mark.usefixtures("client")

NUMBER = "an integer from 1 to 9007199254740991"
SAID = {"order_no": "order00000001", "amount": 100, "currency": "cny"}


async def elsewhere(shop: Shop, number: int = 1, **changes: Any) -> str:
    """A charge that the merchant's own code made."""
    content = {**asked(number, **changes), "app": {"id": APP}}
    key = {"authorization": "Bearer sk_test_x"}
    made = await shop.customer.post("/v1/charges", json=content, headers=key)
    assert made.status_code in (200, 201), made.text
    return str(made.json()["id"])


async def put(shop: Shop, charge: str, said: Any = None, status: int = 200, **more: Any) -> Any:
    return (await shop.say("PUT", f"/charges/{charge}", said, status, **more)).json()


def test_new_it_is_201_with_the_payment_and_again_200(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> str:
        charge = await elsewhere(shop)
        made = await shop.say("PUT", f"/charges/{charge}", SAID, 201)
        assert made.headers["location"] == f"/payments/order00000001?app={APP}"
        payment = made.json()
        assert (payment["status"], payment["amount"], payment["channel"]) == ("pending", 100, "alipay_qr")
        assert [one["id"] for one in payment["charges"]] == [charge]
        assert not payment.keys() & {"checkout_url", "qr_text", "charge"}
        again = await shop.say("PUT", f"/charges/{charge}", SAID, 200)
        assert (again.json(), "location" in again.headers) == (payment, False)
        assert await shop.get("/payments/order00000001") == payment
        assert shop.line.calls == [("GET", f"/v1/charges/{charge}")]
        return charge

    with capture_logs() as lines:
        charge = in_shop(server, tmp_path, calls)
    known = {"order_no": "order00000001", "app": APP, "charge_id": charge, "outcome": "pending"}
    found = [line for line in lines if line["event"] == "watch asked for"]
    assert [line["status"] for line in found] == [201, 200]
    assert all(known.items() <= line.items() for line in found)


@pytest.mark.parametrize("body", [None, b"", b" ", b"{}", b'{"order_no": null, "amount": null}'])
def test_nothing_needs_to_be_said_of_it(server: Server, tmp_path: Path, body: bytes | None) -> None:
    async def calls(shop: Shop) -> None:
        payment = await put(shop, await elsewhere(shop, 7), status=201, content=body)
        assert payment["order_no"] == "order00000007"

    in_shop(server, tmp_path, calls)


def test_an_order_number_that_no_path_can_hold(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        made = await shop.say("PUT", f"/charges/{await elsewhere(shop)}", {"order_no": "茶/1 ?"}, 201)
        assert made.json()["order_no"] == "茶/1 ?"
        assert await shop.get(made.headers["location"]) == made.json()

    in_shop(server, tmp_path, calls)


def test_a_paid_charge_is_published_at_once(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)
        assert (await shop.customer.post(f"/sandbox/charges/{charge}/pay")).status_code == 200
        assert (await put(shop, charge, SAID, 201))["status"] == "paid"

    in_shop(server, tmp_path, calls)
    assert client.xlen("fulfilment") == 1


def test_its_first_check_is_due_by_the_settings(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> str:
        charge = await elsewhere(shop)
        await put(shop, charge, status=201)
        return charge

    charge = in_shop(server, tmp_path, calls, fallback_after=5000, check_gaps="7000")
    created: Any = client.zscore(f"charges:{APP}", charge)
    assert client.zscore("due:checks", f":{charge}") == 1000 * created + 5_000_000


WRONG: dict[str, tuple[Any, str, str]] = {
    "amount as a string": ({"amount": "100"}, "amount", NUMBER),
    "amount of zero": ({"amount": 0}, "amount", NUMBER),
    "amount as a float": ({"amount": 100.0}, "amount", NUMBER),
    "amount beyond 2^53": ({"amount": 2**53}, "amount", NUMBER),
    "currency in capitals": ({"currency": "CNY"}, "currency", "three lower-case letters"),
    "an empty order_no": ({"order_no": ""}, "order_no", "a string of 1 to 256 characters"),
    "order_no as a number": ({"order_no": 1}, "order_no", "a string of 1 to 256 characters"),
    "order_no too long": ({"order_no": "1" * 257}, "order_no", "a string of 1 to 256 characters"),
    "an unknown field": ({"ammount": 100}, "ammount", "no such field"),
    "the app": ({"app": APP}, "app", "no such field"),
}


def test_each_rule_that_is_broken_is_named_with_its_field(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> Any:
        charge = await elsewhere(shop)
        found = {
            name: errors(await put(shop, charge, content, 422)) for name, (content, _, _) in WRONG.items()
        }
        assert len(errors(await put(shop, charge, {"amount": 0, "currency": "", "x": 1}, 422))) == 3
        for wrong in ("x" * 64, "a%20b", "%E8%8C%B6", "a%2Fb", ".a", "..."):
            assert errors(await put(shop, wrong, SAID, 422)) == [("charge_id", "the id of a charge")]
        assert errors(await put(shop, f"{charge}?app={APP}", SAID, 422)) == [("app", "no such field")]
        assert shop.line.calls == []
        return found

    found = in_shop(server, tmp_path, calls)
    assert found == {name: [(field, rule)] for name, (_, field, rule) in WRONG.items()}


def test_json_is_read_strictly(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)
        kind = {"Content-Type": "application/json"}
        for body in (
            b"[]",
            b"1",
            b"null",
            b"{",
            b'{"amount": 100, "amount": 1}',
            b'{"amount": NaN}',
            b"{}{}",
        ):
            answer = await shop.say("PUT", f"/charges/{charge}", None, 400, content=body, headers=kind)
            assert answer.json()["code"] == "invalid"
        kind = {"Content-Type": "text/plain"}
        body = json.dumps(SAID).encode()
        answer = await shop.say("PUT", f"/charges/{charge}", None, 415, content=body, headers=kind)
        assert answer.json()["code"] == "wrong_content_type"
        assert shop.line.calls == []

    in_shop(server, tmp_path, calls)


def test_without_a_right_token_nothing_is_read(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        del shop.http.headers["authorization"]
        charge = await elsewhere(shop)
        places = (
            (method, path)
            for method in ("PUT", "GET")
            for path in (f"/charges/{charge}", "/charges", "/charges/a/b")
        )
        for header, (method, path) in itertools.product((None, "Bearer wrong", "Basic x"), places):
            given = {} if header is None else {"Authorization": header}
            answer = await shop.say(method, path, SAID, 401, headers=given)
            assert (answer.json()["code"], answer.headers["www-authenticate"]) == ("unauthorized", "Bearer")
        assert shop.line.calls == []

    in_shop(server, tmp_path, calls)


def test_what_is_not_there_is_a_problem_too(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        assert (await put(shop, "ch_nobody_made", SAID, 404))["code"] == "not_found"
        for method, path in (
            ("PUT", "/charges"),
            ("PUT", "/charges/"),
            ("PUT", "/charges/a/b"),
            ("PUT", "/charges/%FF"),
        ):
            assert (await shop.say(method, path, None, 404)).json()["code"] == "not_found"
        for method in ("GET", "POST", "DELETE"):
            answer = await shop.say(method, "/charges/ch_1", None, 405)
            assert (answer.json()["code"], answer.headers["allow"]) == ("method_not_allowed", "PUT")
        assert (await shop.get("/payments"))["payments"] == []

    in_shop(server, tmp_path, calls)


def test_what_does_not_agree_is_a_conflict_that_names_it(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)

        async def conflict(content: Any, *fields: tuple[str, str]) -> None:
            problem = await put(shop, charge, {**SAID, **content}, 409)
            assert problem["code"] == "order_conflict"
            assert [(one["field"], one["rule"]) for one in problem["errors"]] == list(fields)

        await conflict({"amount": 99}, ("amount", "100"))
        await conflict({"amount": 99, "currency": "usd"}, ("amount", "100"), ("currency", "cny"))
        await shop.create(asked(2, amount=250))
        await conflict({"order_no": "order00000002"}, ("amount", "250"))
        await put(shop, charge, SAID, 201)
        await conflict({"order_no": "order00000003"}, ("order_no", "order00000001"))
        await conflict({"amount": 99}, ("amount", "100"))
        assert len((await shop.get("/payments"))["payments"]) == 2
        # and what it was put under watch for is the price of the order
        assert (await shop.create(asked(1, amount=99), 409))["code"] == "order_conflict"

    in_shop(server, tmp_path, calls)


def test_a_charge_of_another_app_is_not_ours(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)
        assert errors(await put(shop, charge, SAID, 422)) == [("charge_id", "a charge of app_2, app_3")]

    async def any_app(shop: Shop) -> None:
        await put(shop, await elsewhere(shop), SAID, 201)

    in_shop(server, tmp_path, calls, pingpp_app_ids="app_3,app_2")
    in_shop(server, tmp_path, any_app, pingpp_app_ids="")


FATES: dict[str, tuple[str, dict[str, Any], int, str]] = {
    "refused": ("refuse", {"status": 400, "error": {"code": "no", "message": "no"}}, 422, "gateway_refused"),
    "limited": ("refuse", {"status": 429}, 429, "rate_limited"),
    "another key": ("refuse", {"status": 401}, 503, "unavailable"),
    "broken": ("error", {}, 503, "unavailable"),
    "lost": ("lose_request", {}, 503, "unavailable"),
}


@pytest.mark.parametrize("name", FATES)
def test_where_ping_does_not_tell_nothing_is_done_and_it_can_be_asked_again(
    server: Server, tmp_path: Path, name: str
) -> None:
    fate, more, status, code = FATES[name]

    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await shop.befall(fate, f"/v1/charges/{charge}", "GET", times=3, **more)
        answer = await shop.say("PUT", f"/charges/{charge}", SAID, status)
        assert answer.json()["code"] == code
        assert ("retry-after" in answer.headers) == (status != 422)
        assert (await shop.get("/payments"))["payments"] == []
        await shop.customer.delete("/sandbox/next")
        await put(shop, charge, SAID, 201)

    in_shop(server, tmp_path, calls)


def test_what_does_not_fit_together_is_not_possible_at_the_moment(server: Server, tmp_path: Path) -> None:
    odd = Odd("refund_conflict", Payment(SCHEMA, APP, "x"), of_charge(charge_object(), "retrieve", 1))

    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)
        with patch.object(Desk, "take", side_effect=odd):
            assert "refund_conflict" in (await put(shop, charge, SAID, 503))["detail"]
        malformed = {"id": charge, "object": "charge"}
        with patch("payments.pingpp.gateway.Gateway.retrieve_charge", return_value=malformed):
            assert (await put(shop, charge, SAID, 503))["code"] == "unavailable"

    in_shop(server, tmp_path, calls)


def test_while_redis_is_away_nothing_is_done(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> None:
        charge = await elsewhere(shop)
        client.replicaof("127.0.0.1", 1)  # it takes no writes now
        try:
            assert (await put(shop, charge, SAID, 503))["code"] == "unavailable"
        finally:
            client.replicaof("no", "one")
        await put(shop, charge, SAID, 201)

    in_shop(server, tmp_path, calls)


def test_many_at_once_are_one(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> list[int]:
        charge = await elsewhere(shop)
        answers = await asyncio.gather(*(shop.say("PUT", f"/charges/{charge}", SAID) for _ in range(20)))
        return sorted(answer.status_code for answer in answers)

    assert in_shop(server, tmp_path, calls) == [200] * 19 + [201]
