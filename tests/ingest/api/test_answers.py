"""What the merchant API answers, whole: status, headers and every member, as merchants' servers rely on it.

The samples are tests/samples/answers/ and tests/samples/problems/; how one is changed on purpose says tests/sampled.py.
"""

import re
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import redis

from ingest.api.problems import CODES
from ingest.api.reading import BODY_LIMIT
from ingest.office import Office
from payments.books import ledger, message
from payments.books.fold import fold
from payments.books.join import Decision
from payments.books.payment import Payment
from payments.keys import Keys
from payments.pingpp.sighting import of_charge
from payments.store import Store
from processes.redis_server import Server
from tests.ingest.api.kit import APP, Shop, asked, in_shop, scanned
from tests.sampled import are_samples, samples

JSON = {"Content-Type": "application/json"}
WHY = {"description": "one cup was broken"}
HEADERS = ("location", "retry-after", "preference-applied", "www-authenticate", "allow", "content-type")
WAP = {"pay_channel": "wx", "terminal_id": "1", "result_url": "https://shop.example/done"}
LEFT_OUT = re.compile(
    r"(?P<charge>\bch_\w{24}\b)|(?P<refund>\bre_\w{24}\b)|(?P<attempt>\bat_\w{24}\b)|(?P<made>\brt_\w{24}\b)"
    r"|(?P<token>(?<=/checkout/)[\w-]{20,})|(?P<time>\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)"
)
# Members whose whole value Ping++, a wallet or a clock makes up.
MADE_UP = {
    "time_paid", "time_expire", "created", "transaction_no", "next_cursor", "qr_text", "open_id", "buyer_account",
    "isv_wap",
}  # fmt: skip


def steady(value: Any, member: str = "") -> Any:
    """With a word in the place of what differs from run to run, which says what stood there; null stays null."""
    if isinstance(value, dict):
        return {name: steady(one, name) for name, one in value.items()}
    if isinstance(value, list):
        return [steady(one) for one in value]
    if member in MADE_UP and value is not None:
        return f"<{member}: {type(value).__name__}>"
    if isinstance(value, str):
        return LEFT_OUT.sub(lambda found: f"<{found.lastgroup}>", value)
    return value


def whole(answer: httpx.Response) -> dict[str, Any]:
    """All that is promised of an answer."""
    headers = {name: steady(answer.headers[name]) for name in HEADERS if name in answer.headers}
    return {"status": answer.status_code, "headers": headers, "body": steady(answer.json())}


async def learn(shop: Shop, client: redis.Redis, payment: Any) -> None:
    """The worker looks at the payment's charge, and takes what it sees into the books."""
    key = {"authorization": "Bearer sk_test_x"}
    found = await shop.customer.get(f"/v1/charges/{payment['charges'][0]['id']}", headers=key)
    seen = of_charge(found.json(), "retrieve", 1_700_000_000_000)

    def decide(held: Payment, _: int) -> Decision:
        folded = fold(held, seen)
        return Decision(folded.payment, message.of_fold(folded, seen))

    ledger.change(Store(client, Keys()), f"{APP}:{payment['order_no']}", decide, charge=seen.charge_id)


def test_the_answers_are_their_samples(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> dict[str, httpx.Response]:
        told: dict[str, httpx.Response] = {}
        # A refund ends when it is told to, not after a second.
        await shop.customer.put("/sandbox/refunds", json={"settle_after": None})
        told["created"] = await shop.say("POST", "/payments", asked(), 201)
        told["known"] = await shop.say("POST", "/payments", asked(), 200)
        wap = asked(2, channel="isv_wap", extra=WAP)
        told["created_for_client"] = await shop.say("POST", "/payments", wap, 201)
        patient = {"Prefer": "wait=20"}
        told["paid_at_the_till"] = await shop.say("POST", "/payments", scanned(3), 201, headers=patient)
        told["paid"] = await shop.say("GET", "/payments/order00000003", None, 200)
        typing = scanned(4, code="9" + "1" * 17)
        told["awaiting_customer"] = await shop.say("POST", "/payments", typing)
        await shop.befall("lose_request")
        told["creating"] = await shop.say("POST", "/payments", asked(5), 202)
        told["refund_made"] = await refund(shop, {**WHY, "amount": 40})
        told["refund_known"] = await refund(shop, {**WHY, "amount": 40})
        made = told["refund_made"].json()
        ended = await shop.customer.post(f"/sandbox/refunds/{made['refund']['id']}/succeed")
        assert ended.status_code == 200, ended.text
        await learn(shop, client, made["payment"])
        told["partially_refunded"] = await shop.say("GET", "/payments/order00000003", None, 200)
        await shop.befall("lose_request", "/v1/charges/.*/refunds")
        told["refund_not_known_yet"] = await refund(shop, {**WHY, "amount": 60}, "r2")
        error = {"type": "channel_error", "code": "channel_request_error", "message": "closed for this app"}
        await shop.befall("refuse", status=402, error=error)
        await shop.create(asked(6), 422)
        told["failed"] = await shop.say("GET", "/payments/order00000006", None, 200)
        told["close_asked"] = await shop.say("POST", "/payments/order00000001/close", None, 200)
        told["closed"] = await shop.say("GET", "/payments/order00000001", None, 200)
        await shop.create(scanned(7))
        given_back = {"if_paid": "refund"}
        told["reversed"] = await shop.say("POST", "/payments/order00000007/reverse", given_back, 200)
        elsewhere = {**asked(8), "app": {"id": APP}}
        key = {"authorization": "Bearer sk_test_x"}
        charge = (await shop.customer.post("/v1/charges", json=elsewhere, headers=key)).json()["id"]
        told["watched"] = await shop.say("PUT", f"/charges/{charge}", {"order_no": "order00000008"}, 201)
        told["listed"] = await shop.say("GET", "/payments?limit=2", None, 200)
        told["listed_none"] = await shop.say("GET", "/payments?order_no=none", None, 200)
        return told

    client.ping()
    answers = in_shop(server, tmp_path, calls)
    are_samples("answers", {name: whole(answer) for name, answer in answers.items()})


async def refund(shop: Shop, content: Any, key: str = "r1") -> httpx.Response:
    path = "/payments/order00000003/refunds"
    return await shop.say("POST", path, content, headers={"Idempotency-Key": key})


def test_the_problems_are_their_samples(server: Server, tmp_path: Path, client: redis.Redis) -> None:
    async def calls(shop: Shop) -> dict[str, httpx.Response]:
        told: dict[str, httpx.Response] = {}

        async def refused(method: str, path: str, wanted: Any = None, **more: Any) -> None:
            answer = await shop.say(method, path, wanted, **more)
            told[answer.json()["code"]] = answer

        async def too_slow() -> Any:
            yield b"{"
            raise TimeoutError  # as when ten seconds have gone

        await refused("POST", "/payments", asked(amount=0, subject="x" * 33, amout=1))
        await refused("GET", "/payments", headers={"Authorization": "Bearer wrong"})
        await refused("GET", "/payments/nothing")
        await refused("DELETE", "/payments")
        await refused("POST", "/payments", content=too_slow())
        await refused("POST", "/payments", content=b" " * (BODY_LIMIT + 1), headers=JSON)
        await refused("POST", "/payments", content=b"a=1", headers={"Content-Type": "text/plain"})
        await shop.create(asked())
        await refused("POST", "/payments", asked(amount=101))
        await refused("POST", "/payments/order00000001/refunds", WHY, headers={"Idempotency-Key": "r1"})
        await shop.befall("lose_request")
        await shop.create(asked(2), 202)
        await refused("POST", "/payments", scanned(2))
        await shop.create(scanned(3))
        await refused("POST", "/payments", asked(3))
        await refused("POST", "/payments/order00000003/reverse")
        more = {**WHY, "amount": 101}
        await refused("POST", "/payments/order00000003/refunds", more, headers={"Idempotency-Key": "r1"})
        error = {"type": "invalid_request_error", "code": "channel_off", "param": "channel", "message": "no"}
        await shop.befall("refuse", status=400, error=error)
        await refused("POST", "/payments", asked(4))
        await shop.befall("refuse", status=429)
        await refused("POST", "/payments", asked(5))
        await shop.befall("refuse", status=401)
        await refused("POST", "/payments", asked(6))
        with patch.object(Office, "find", side_effect=RuntimeError("the cupboard is bare")):
            await refused("GET", "/payments/order00000001")
        return told

    client.ping()
    problems = in_shop(server, tmp_path, calls)
    are_samples("problems", {code: whole(answer) for code, answer in problems.items()})


def test_each_code_has_a_sample_with_its_status_and_title() -> None:
    told = {name: (one["status"], one["body"]["title"]) for name, one in samples("problems").items()}
    assert told == CODES
