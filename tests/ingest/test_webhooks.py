"""What the receiver answers to whom; what was signed is never lost, and what is refused changes nothing."""

import asyncio
import inspect
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import redis.asyncio

from ingest.app import make_app
from ingest.settings import ReceiverSettings
from ingest.webhooks import Webhooks
from payments import members
from payments.inbox.accept import Inbox
from payments.keys import EVENTS, Keys
from payments.pingpp import event
from payments.pingpp.signature import KeyRing, read_ring
from processes.redis_server import Server
from processes.settings import load
from tests.conftest import charge_object, event_body
from tests.flow.signer import Signer
from tests.workers.crash import context_with
from workers import apply_events

GOOD = event_body(charge_object())
KEYS = Keys()
Calls = Callable[[httpx.AsyncClient], Awaitable[Any]]


def receiver(server: Server, signer: Signer, tmp_path: Path) -> Callable[[Calls], Any]:
    """Runs calls against the real app, in-process, with its lifespan entered."""
    pem = tmp_path / "public.pem"
    pem.write_bytes(signer.public)
    settings = load(ReceiverSettings, redis_url=server.url, pingpp_public_key_files=(pem,))

    def run(calls: Calls) -> Any:
        async def inside() -> Any:
            app = make_app(settings)
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://t") as http,
            ):
                return await calls(http)

        return asyncio.run(inside())

    return run


Post = Callable[..., httpx.Response]


@pytest.fixture
def post(server: Server, client: redis.Redis, signer: Signer, tmp_path: Path) -> Post:
    """Posts one webhook; signed well unless `signature` says otherwise."""
    assert client.keys() == []
    run = receiver(server, signer, tmp_path)

    def one(
        body: bytes, *, signature: str | None = "", method: str = "POST", **headers: str
    ) -> httpx.Response:
        given = {"content-type": "application/json"}
        if signature is not None:
            given["X-Pingplusplus-Signature"] = signature or signer.sign(body)
        given |= {name.replace("_", "-"): value for name, value in headers.items()}

        async def call(http: httpx.AsyncClient) -> httpx.Response:
            return await http.request(method, "/webhooks", content=body, headers=given)

        answer: httpx.Response = run(call)
        return answer

    return one


def stored(client: redis.Redis) -> list[str]:
    members: Any = client.zrange(KEYS.due(EVENTS), 0, -1)
    return [member.decode() for member in members]


def test_a_signed_webhook_is_stored_and_rings_the_bell(post: Post, client: redis.Redis) -> None:
    answer = post(GOOD)
    assert (answer.status_code, answer.content) == (200, b"")
    (member,) = stored(client)
    assert client.get(KEYS.body(member)) == GOOD
    assert client.hget(KEYS.event(member), "seen") == b"1"
    assert client.llen("rq:queue:events") == 1
    assert client.exists(KEYS.bell(EVENTS))


def test_the_same_again_is_answered_alike_and_counted(post: Post, client: redis.Redis) -> None:
    for pending in (1, 0, 92):
        assert post(event_body(charge_object(), pending_webhooks=pending)).status_code == 200
    (member,) = stored(client)
    assert client.hget(KEYS.event(member), "seen") == b"3"


def test_the_same_event_with_another_body_is_kept_beside_the_first(post: Post, client: redis.Redis) -> None:
    other = event_body(charge_object(amount=999))
    for body in (GOOD, other, other, GOOD):
        assert post(body).status_code == 200
    first, second = sorted(stored(client))
    assert members.is_variant(second)
    assert (client.get(KEYS.body(first)), client.get(KEYS.body(second))) == (GOOD, other)


FORGED: dict[str, Callable[[Signer], tuple[bytes, str | None]]] = {
    "no signature": lambda _: (GOOD, None),
    "of another key": lambda _: (GOOD, Signer().sign(GOOD)),
    "not base64": lambda _: (GOOD, "!!!"),
    "changed by one byte": lambda s: (GOOD[:-2] + b" }", s.sign(GOOD)),
    "re-serialised": lambda s: (json.dumps(json.loads(GOOD)).encode(), s.sign(GOOD)),
    "a newline added": lambda s: (GOOD + b"\n", s.sign(GOOD)),
    "of an empty body": lambda s: (b"", s.sign(GOOD)),
    "url-safe base64": lambda s: (GOOD, s.sign(GOOD).replace("+", "-").replace("/", "_") + "-"),
}


@pytest.mark.parametrize("how", FORGED)
def test_what_is_not_genuine_is_refused_and_changes_nothing(
    post: Post, client: redis.Redis, signer: Signer, how: str
) -> None:
    body, signature = FORGED[how](signer)
    answer = post(body, signature=signature)
    assert (answer.status_code, answer.json()["code"]) == (401, "bad_signature")
    assert client.keys() == []


def test_two_signatures_are_as_good_as_none(
    server: Server, client: redis.Redis, signer: Signer, tmp_path: Path
) -> None:
    good = ("x-pingplusplus-signature", signer.sign(GOOD))
    run = receiver(server, signer, tmp_path)
    assert run(lambda http: http.post("/webhooks", content=GOOD, headers=[good, good])).status_code == 401
    assert client.keys() == []


NESTED = b"[" * 100_000 + b"]" * 100_000
SIGNED_ODDITIES: dict[str, tuple[bytes, str | None]] = {
    # body → the reason of its dead letter; None: it is folded like any other
    "not JSON": (b"hello", "not_json"),
    "empty": (b"", "not_json"),
    "invalid UTF-8": (GOOD.replace(b"Your Body", b"\xff\xfe"), "not_json"),
    "invalid UTF-8 outside the object": (GOOD.replace(b'"iar_', b'"\xff'), "not_json"),
    "NaN": (GOOD.replace(b'"amount": 100', b'"amount": NaN'), "not_json"),
    "deep nesting": (NESTED, "not_json"),
    "deep nesting inside": (GOOD.replace(b'"metadata": {}', b'"metadata": ' + NESTED), "not_json"),
    "a list": (b"[]", "not_an_event"),
    "no id": (GOOD.replace(b'"id": "evt_', b'"xd": "evt_'), "not_an_event"),
    "an empty id": (event_body(charge_object(), id=""), "bad_event_id"),
    "an id with a colon": (event_body(charge_object(), id="evt:1"), "bad_event_id"),
    "an id too long": (event_body(charge_object(), id="e" * 64), "bad_event_id"),
    "an id that is a number": (event_body(charge_object(), id=5), "not_an_event"),
    "an odd object id": (event_body(charge_object(id="ch 1")), "bad_object_id"),
    "no data": (event_body(charge_object(), data=None), "not_an_event"),
    "no charge id": (event_body(charge_object(id=None)), "no_charge"),
    "an integer beyond reason": (
        GOOD.replace(b'"amount": 100', b'"amount": ' + b"9" * 5000),
        "not_json",
    ),
    "duplicate keys": (GOOD.replace(b'"amount": 100', b'"amount": 1, "amount": 100'), None),
    "blank around": (b"  \n" + GOOD + b"\n", None),
    "fields that we do not know": (event_body(charge_object(novelty={"a": [1]}), novelty=1), None),
    "empty hashes as lists": (event_body(charge_object(extra=[], metadata=[], credential=[])), None),
}


@pytest.mark.parametrize("what", SIGNED_ODDITIES)
def test_what_was_signed_is_never_lost(post: Post, client: redis.Redis, what: str) -> None:
    body, reason = SIGNED_ODDITIES[what]
    assert post(body).status_code == 200
    apply_events.drain(context_with(client))
    letters: Any = client.zrange(KEYS.dead_letters, 0, -1)
    if reason is None:
        assert (letters, client.xlen("fulfilment")) == ([], 1)
        return
    assert client.xlen("fulfilment") == 0
    (letter,) = letters
    fields: Any = client.hgetall(KEYS.dead_letter(letter.decode()))
    assert fields[b"reason"].decode() == reason
    assert client.get(KEYS.body(fields[b"member"].decode())) == body


ASKED: dict[str, bytes] = {
    "numbers as strings": GOOD.replace(b'"amount": 100', b'"amount": "100"'),
    "a huge integer": GOOD.replace(b'"amount": 100', b'"amount": 1' + b"0" * 30),
    "a negative amount": event_body(charge_object(amount=-1)),
    "no order number": event_body(charge_object(order_no="")),
    "paid as a word": event_body(charge_object(paid="true")),
    "an unpaid charge.succeeded": event_body(charge_object(paid=False)),
    "the other mode in the event alone": event_body(charge_object(), livemode=False),
    "the other mode in the charge alone": event_body(charge_object(livemode=False)),
}


@pytest.mark.parametrize("what", ASKED)
def test_what_is_odd_is_asked_about_and_not_published(post: Post, client: redis.Redis, what: str) -> None:
    assert post(ASKED[what]).status_code == 200
    apply_events.drain(context_with(client))
    assert client.zcard(KEYS.due("asks")) == 1
    assert client.xlen("fulfilment") == 0


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_only_post(post: Post, client: redis.Redis, method: str) -> None:
    answer = post(GOOD, method=method)
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
    assert client.keys() == []


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("application/json", 200),
        ("application/json; charset=utf-8", 200),
        ("Application/JSON;charset=UTF-8", 200),
        ("application/problem+json", 200),
        ("", 200),
        ("text/plain", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/jsonx", 415),
    ],
)
def test_a_content_type_that_is_given_is_json(post: Post, kind: str, status: int) -> None:
    assert post(GOOD, content_type=kind).status_code == status


def test_a_slash_at_the_end_of_the_address_does_no_harm(
    server: Server, client: redis.Redis, signer: Signer, tmp_path: Path
) -> None:
    signed = {"x-pingplusplus-signature": signer.sign(GOOD)}
    run = receiver(server, signer, tmp_path)
    assert run(lambda http: http.post("/webhooks/", content=GOOD, headers=signed)).status_code == 200
    assert len(stored(client)) == 1


def test_a_body_of_one_mebibyte_is_stored_and_one_byte_more_is_refused(
    post: Post, client: redis.Redis
) -> None:
    room = 1024 * 1024 - len(event_body(charge_object(description="")))
    whole = event_body(charge_object(description="x" * room))
    assert len(whole) == 1024 * 1024
    answer = post(event_body(charge_object(description="x" * (room + 1))))
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
    assert client.keys() == []
    assert post(whole).status_code == 200


def test_while_redis_refuses_to_write_everybody_hears_500_and_nothing_is_half_accepted(
    server: Server, client: redis.Redis, signer: Signer, tmp_path: Path
) -> None:
    bodies = [event_body(charge_object(n)) for n in range(1, 30)]

    async def many(http: httpx.AsyncClient) -> list[int]:
        client.config_set("maxmemory", "1mb")  # noeviction: writes are refused
        try:
            posts = [
                http.post("/webhooks", content=b, headers={"x-pingplusplus-signature": signer.sign(b)})
                for b in bodies
            ]
            refused = [answer.status_code for answer in await asyncio.gather(*posts)]
        finally:
            client.config_set("maxmemory", "0")
        posts = [
            http.post("/webhooks", content=b, headers={"x-pingplusplus-signature": signer.sign(b)})
            for b in bodies
        ]
        return refused + [answer.status_code for answer in await asyncio.gather(*posts)]

    statuses = receiver(server, signer, tmp_path)(many)
    assert statuses == [500] * len(bodies) + [200] * len(bodies)
    assert len(stored(client)) == len(bodies)


def test_everything_that_arrives_during_a_round_trip_shares_the_next(
    server: Server, client: redis.Redis, signer: Signer, tmp_path: Path
) -> None:
    bodies = [event_body(charge_object(n)) for n in range(1, 101)]
    signed = [(body, signer.sign(body)) for body in bodies]

    async def many(http: httpx.AsyncClient) -> int:
        posts = [
            http.post("/webhooks", content=b, headers={"x-pingplusplus-signature": s}) for b, s in signed
        ]
        before: Any = client.info("commandstats")
        await asyncio.gather(*posts)
        after: Any = client.info("commandstats")
        return int(after["cmdstat_evalsha"]["calls"] - before.get("cmdstat_evalsha", {"calls": 0})["calls"])

    calls = receiver(server, signer, tmp_path)(many)
    assert len(stored(client)) == len(bodies)
    assert calls < len(bodies) / 2


BODIES = [event_body(charge_object(n)) for n in range(1, 11)]
MEMBERS = [event.identify(body) for body in BODIES]
Meanwhile = Callable[[Webhooks, list[asyncio.Task[int]]], object]


def answers(
    server: Server, signer: Signer, signatures: list[str], meanwhile: Meanwhile = lambda *_: None
) -> list[Any]:
    """The status, or the error, of each of BODIES with these signatures. They arrive together, `meanwhile` happens,
    and then the first of them is verified.
    """

    async def status(webhooks: Webhooks, body: bytes, signature: str) -> int:
        headers = [(b"x-pingplusplus-signature", signature.encode())]
        sent: list[Any] = []

        async def receive() -> dict[str, Any]:
            return {"type": "http.request", "body": body}

        async def send(message: Any) -> None:
            sent.append(message)

        await webhooks({"type": "http", "method": "POST", "headers": headers}, receive, send)
        return int(sent[0]["status"])

    async def run() -> list[Any]:
        async with redis.asyncio.Redis.from_url(server.url) as client:
            inbox = Inbox(client, KEYS, lambda: None, lambda _: None, remember_s=3600)
            webhooks = Webhooks(inbox, read_ring([("key", signer.public)]), 10, lambda *_: None)
            arriving = zip(BODIES, signatures, strict=True)
            tasks = [asyncio.create_task(status(webhooks, *request)) for request in arriving]
            await asyncio.sleep(0)
            happening = meanwhile(webhooks, tasks)
            if inspect.isawaitable(happening):
                await happening
            found = await asyncio.gather(*tasks, return_exceptions=True)
            await inbox.close()
            return found

    return asyncio.run(run())


def test_a_forged_one_among_genuine_ones_is_refused_alone(
    server: Server, client: redis.Redis, signer: Signer
) -> None:
    signatures = [signer.sign(BODIES[3] if n in (0, 5, 9) else body) for n, body in enumerate(BODIES)]
    assert answers(server, signer, signatures) == [401, 200, 200, 200, 200, 401, 200, 200, 200, 401]
    assert stored(client) == [MEMBERS[n] for n in (1, 2, 3, 4, 6, 7, 8)]


def test_one_that_cannot_be_verified_at_all_does_no_harm_to_the_others(
    server: Server, client: redis.Redis, signer: Signer
) -> None:
    class Failing(KeyRing):
        def verify(self, body: bytes, signature: bytes | None) -> bool:
            if body == BODIES[2]:
                raise MemoryError
            return super().verify(body, signature)

    def fail(webhooks: Webhooks, _: object) -> None:
        webhooks.ring = Failing(webhooks.ring.keys)

    found = answers(server, signer, [signer.sign(body) for body in BODIES], fail)
    assert isinstance(found.pop(2), MemoryError)
    assert found == [200] * 9
    assert stored(client) == MEMBERS[:2] + MEMBERS[3:]


@pytest.mark.parametrize("forged", [False, True])
def test_a_client_that_went_away_before_it_was_verified_does_no_harm_to_the_others(
    server: Server, client: redis.Redis, signer: Signer, forged: bool
) -> None:
    signatures = [signer.sign(body) for body in BODIES]
    if forged:
        signatures[0] = signatures[1]
    gone, *others = answers(server, signer, signatures, lambda _, tasks: tasks[0].cancel())
    assert isinstance(gone, asyncio.CancelledError)
    assert others == [200] * 9
    assert stored(client) == MEMBERS[forged:]  # the event is genuine, whoever no longer waits for the answer


def test_what_is_not_verified_when_the_receiver_shuts_down_is_not_stored(
    server: Server, client: redis.Redis, signer: Signer
) -> None:
    signatures = [signer.sign(body) for body in BODIES]
    assert answers(server, signer, signatures, lambda webhooks, _: webhooks.inbox.close()) == [500] * 10
    assert stored(client) == []


def test_keys_that_are_read_again_hold_for_all_that_is_not_verified_yet(
    server: Server, client: redis.Redis, signer: Signer
) -> None:
    new = Signer()

    def reload(webhooks: Webhooks, _: object) -> None:
        webhooks.ring = read_ring([("key", new.public)])

    signatures = [(new if n % 2 else signer).sign(body) for n, body in enumerate(BODIES)]
    assert answers(server, signer, signatures, reload) == [401, 200] * 5
    assert stored(client) == MEMBERS[1::2]
