"""What is odd is asked: confirmed, contradicted, not found, not answered, not yet."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import redis
import stamina

from payments import due
from payments.dead_letters import letters
from payments.dead_letters.letters import DeadLetter
from payments.keys import ASKS, EVENTS
from payments.pingpp.gateway import Gateway
from payments.store import Store
from tests.conftest import charge_object, event_body, messages, refund_object, refunds_of, unpaid
from tests.workers.crash import KEYS, context_with, leases_run_out
from workers import apply_events, ask

ODD = event_body(charge_object(), livemode=False)
Answer = Callable[[httpx.Request], httpx.Response]


def put(client: redis.Redis, *bodies: bytes, received: int = 1) -> None:
    """As accept.lua leaves them."""
    for body in bodies:
        event = json.loads(body)
        member = f"{event['id']}:{event['data']['object']['id']}"
        client.set(KEYS.body(member), body)
        client.hset(KEYS.event(member), mapping={"received": received, "seen": 1, "digest": "x"})
        client.zadd(KEYS.due(EVENTS), {member: received})


def run(client: redis.Redis, answer: Answer, *bodies: bytes, apps: frozenset[str] = frozenset()) -> None:
    """Apply, then ask Ping++, which gives `answer`."""
    now: Any = client.time()
    put(client, *bodies, received=now[0] * 1000)
    transport = httpx.MockTransport(answer)
    context = replace(
        context_with(client),
        apps=apps,
        gateway=lambda: Gateway("http://pingpp", "sk_live_x", transport=transport),
    )
    apply_events.drain(context)
    with stamina.set_testing(True, attempts=1):
        ask.drain(context)


def says(charge: dict[str, Any]) -> Answer:
    return lambda _: httpx.Response(200, json=charge)


def nothing(_: httpx.Request) -> httpx.Response:
    raise AssertionError("nothing is to be asked")


def told(client: redis.Redis) -> list[str]:
    return [one["id"] for one in messages(client)]


def letter(client: redis.Redis) -> DeadLetter:
    (one,) = letters.newest(Store(client, KEYS), 10)
    assert one.explanation
    assert client.zcard(KEYS.due(ASKS)) == 0
    return one


def test_confirmed_is_folded_and_says_where_it_was_seen(client: redis.Redis) -> None:
    run(client, says(charge_object()), ODD)
    (message,) = messages(client)
    assert (message["id"], message["data"]["sources"]) == ("paid:order00000001", ["retrieve"])
    assert client.zcard(KEYS.dead_letters) == 0
    (member,) = client.keys("event:*")
    assert client.hget(member, "odd") == b"livemode_conflict"


def test_not_found_is_a_dead_letter_with_what_was_claimed(client: redis.Redis) -> None:
    run(client, lambda _: httpx.Response(404, json={"error": {"message": "No such charge"}}), ODD)
    one = letter(client)
    assert (one.reason, one.order_no, one.charge_id) == (
        "charge_not_found",
        "order00000001",
        charge_object()["id"],
    )
    assert one.evidence["claimed"]["amount"] == 100
    assert told(client) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"amount": 5}, "amount"),
        ({"currency": "usd"}, "currency"),
        ({"order_no": "other"}, "order_no"),
        ({"app": "app_other"}, "app"),
        ({"paid": False}, "paid"),
        ({"transaction_no": "other"}, "transaction_no"),
    ],
)
def test_contradicted_is_a_dead_letter_that_shows_both_sides(
    client: redis.Redis, change: dict[str, Any], named: str
) -> None:
    run(client, says(charge_object(**change)), ODD)
    one = letter(client)
    assert (one.reason, named in one.last_error) == ("contradicted", True)
    assert one.evidence["claimed"] != one.evidence["found"]
    assert "buyer" not in json.dumps(dict(one.evidence))
    assert told(client) == []


def test_a_malformed_event_is_what_ping_says_it_is(client: redis.Redis) -> None:
    run(client, says(charge_object()), event_body(charge_object(amount="100")))
    assert told(client) == ["paid:order00000001"]


def test_an_answer_that_is_no_charge_is_a_dead_letter(client: redis.Redis) -> None:
    run(client, says(charge_object(amount="100")), ODD)
    assert letter(client).reason == "malformed"


def test_another_charge_in_answer_is_a_dead_letter(client: redis.Redis) -> None:
    run(client, says(charge_object(2)), ODD)
    assert letter(client).reason == "malformed"


def test_what_contradicts_the_books_is_a_dead_letter_however_true(client: redis.Redis) -> None:
    other = event_body(charge_object(amount=999), number=2)
    run(client, says(charge_object(amount=999)), event_body(charge_object()), other)
    one = letter(client)
    assert one.reason == "identity_conflict"
    assert (one.evidence["held"]["amount"], one.evidence["found"]["amount"]) == (100, 999)
    assert told(client) == ["paid:order00000001"]


@pytest.mark.parametrize("status", [401, 403, 429, 500, 503])
def test_no_answer_is_asked_again_later_and_counts_no_attempt(client: redis.Redis, status: int) -> None:
    run(client, lambda _: httpx.Response(status, json={"error": {"message": "x"}}), ODD)
    assert client.zcard(KEYS.due(ASKS)) == 1
    tried: Any = client.hvals(KEYS.attempts(ASKS))
    assert due.read_attempts(*tried)[0] == 0
    leases_run_out(client)
    run(client, says(charge_object()))
    assert told(client) == ["paid:order00000001"]


def waits_since(client: redis.Redis, ms: int) -> None:
    """As if it had been asked since then."""
    members: Any = client.zrange(KEYS.due(ASKS), 0, -1)
    client.hset(KEYS.attempts(ASKS), mapping=dict.fromkeys(members, f"0 {ms} away"))
    leases_run_out(client)


def away(_: httpx.Request) -> httpx.Response:
    return httpx.Response(500, json={})


def test_after_a_day_without_an_answer_it_is_a_persons_and_a_retry_has_another_day(
    client: redis.Redis,
) -> None:
    run(client, away, ODD)
    waits_since(client, 1)
    run(client, away)
    one = letter(client)
    assert one.reason == "gateway_unreachable"
    assert letters.retry(Store(client, KEYS), one)
    run(client, away)
    assert client.zcard(KEYS.due(ASKS)) == 1
    assert client.zcard(KEYS.dead_letters) == 0


def test_so_is_a_question_about_a_charge_alone(client: redis.Redis) -> None:
    client.zadd(KEYS.due(ASKS), {":ch_1": 1})
    run(client, away)
    assert letter(client).reason == "gateway_unreachable"


def test_more_that_was_refunded_while_we_asked_is_asked_again(client: redis.Redis) -> None:
    charge = charge_object(amount_refunded=40, refunds=refunds_of(refund_object()))
    run(client, nothing, event_body(charge))
    client.zadd(KEYS.due(ASKS), {f":{charge['id']}": 1})
    context = context_with(client)

    def answer(request: httpx.Request) -> httpx.Response:
        if request.url.path.endswith("/refunds"):
            put(client, event_body(charge_object(amount_refunded=70), number=2))  # a webhook overtakes us
            apply_events.drain(context)
            return httpx.Response(200, json=refunds_of(refund_object()))
        return httpx.Response(200, json=charge)

    now: Any = client.time()
    waits_since(client, now[0] * 1000)
    run(client, answer)
    assert client.zcard(KEYS.dead_letters) == 0
    assert client.zcard(KEYS.due(ASKS)) == 1


def test_one_that_fails_does_not_cut_off_the_others(client: redis.Redis, monkeypatch: Any) -> None:
    put_off = due.put_off

    def failing(*args: Any) -> None:
        if args[2] and args[2][0].member.endswith(f"{1:024d}"):
            raise redis.ConnectionError("away")
        put_off(*args)

    monkeypatch.setattr(due, "put_off", failing)
    odd = [event_body(charge_object(n), livemode=False) for n in (1, 2)]

    def answer(request: httpx.Request) -> httpx.Response:
        return (
            away(request)
            if request.url.path.endswith(f"{1:024d}")
            else httpx.Response(200, json=charge_object(2))
        )

    with pytest.raises(redis.ConnectionError):
        run(client, answer, *odd)
    assert told(client) == ["paid:order00000002"]


def test_a_refusal_is_a_persons(client: redis.Redis) -> None:
    run(client, lambda _: httpx.Response(400, json={"error": {"message": "bad"}}), ODD)
    assert letter(client).reason == "gateway_refused"


def test_a_refund_heard_of_before_its_charge_brings_both(client: redis.Redis) -> None:
    charge = charge_object(amount_refunded=40, refunds=refunds_of(refund_object()))
    run(client, says(charge), event_body(refund_object(), "refund.succeeded"))
    assert told(client) == ["paid:order00000001", f"refunded:{refund_object()['id']}"]


def test_a_refund_that_is_still_pending_at_ping_is_not_yet(client: redis.Redis) -> None:
    pending = refund_object(status="pending", succeed=False, time_succeed=None)
    event = event_body(refund_object(), "refund.succeeded")
    run(client, says(charge_object(refunds=refunds_of(pending))), event)
    assert client.zcard(KEYS.due(ASKS)) == 1
    leases_run_out(client)
    run(client, says(charge_object(amount_refunded=40, refunds=refunds_of(refund_object()))))
    assert told(client)[-1] == f"refunded:{refund_object()['id']}"


def test_a_refund_that_ping_does_not_list_is_contradicted(client: redis.Redis) -> None:
    run(client, says(charge_object()), event_body(refund_object(), "refund.succeeded"))
    assert letter(client).reason == "contradicted"


def test_more_refunded_than_known_asks_for_the_list_of_refunds(client: redis.Redis) -> None:
    charge = charge_object(amount_refunded=40)

    def answer(request: httpx.Request) -> httpx.Response:
        listed = request.url.path.endswith("/refunds")
        return httpx.Response(200, json=refunds_of(refund_object()) if listed else charge)

    run(client, answer, event_body(charge_object()), event_body(charge, number=2))
    assert told(client) == ["paid:order00000001", f"refunded:{refund_object()['id']}"]
    assert client.zcard(KEYS.dead_letters) == 0
    assert client.zcard(KEYS.due(ASKS)) == 0


def test_what_the_full_list_does_not_explain_is_a_persons(client: redis.Redis) -> None:
    charge = charge_object(amount_refunded=40)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json=refunds_of() if request.url.path.endswith("/refunds") else charge)

    run(client, answer, event_body(charge))
    assert told(client) == ["paid:order00000001"]
    one = letter(client)
    assert (one.kind, one.reason, one.charge_id) == ("charge", "refunds_unexplained", charge["id"])


def test_a_charge_of_another_app_is_kept_aside(client: redis.Redis) -> None:
    run(
        client,
        says(charge_object(app="app_other", refunds=refunds_of(refund_object()))),
        event_body(refund_object(), "refund.succeeded"),
        apps=frozenset({"app_1Gqj58ynP0mHeX1q"}),
    )
    assert client.hgetall(KEYS.kept_aside) == {b"other_app": b"1"}
    assert (told(client), client.zcard(KEYS.due(ASKS))) == ([], 0)


def test_others_events_are_kept_aside_and_nobody_is_asked(client: redis.Redis) -> None:
    run(
        client,
        nothing,
        event_body(charge_object(app="app_other")),
        event_body(charge_object(2, livemode=False), livemode=False),
        apps=frozenset({"app_1Gqj58ynP0mHeX1q"}),
    )
    assert client.hgetall(KEYS.kept_aside) == {b"other_app": b"1", b"other_mode": b"1"}
    for number, reason in ((1, b"other_app"), (2, b"other_mode")):
        assert client.hget(KEYS.event(f"evt_{number:024d}:ch_{number:024d}"), "aside") == reason
    assert (told(client), client.zcard(KEYS.dead_letters)) == ([], 0)


def test_an_unpaid_answer_to_an_event_that_says_so_is_folded(client: redis.Redis) -> None:
    run(client, says(unpaid()), event_body(unpaid(), "charge.failed", livemode=False))
    assert told(client) == [f"closed:{unpaid()['id']}"]  # its time was over when we looked
    assert client.zcard(KEYS.payments) == 1
