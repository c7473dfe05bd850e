"""Batches: what arrives together, belongs together or breaks must not disturb its neighbours."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import msgspec
import pytest
import redis

from payments import due
from payments.books import join
from payments.inbox.reading import read
from payments.keys import ASKS, EVENTS
from tests.conftest import charge_object, event_body, messages, refund_object, unpaid
from tests.workers.crash import KEYS, Killed, context_with, leases_run_out, survives
from workers import apply_events


def put(client: redis.Redis, *bodies: bytes) -> list[str]:
    """As accept.lua leaves them; their members."""
    members = []
    for place, body in enumerate(bodies):
        event = json.loads(body)
        members.append(f"{event['id']}:{event['data']['object']['id']}")
        client.set(KEYS.body(members[-1]), body)
        client.zadd(KEYS.due(EVENTS), {members[-1]: place + 1})
    return members


def told(client: redis.Redis) -> list[str]:
    return [one["id"] for one in messages(client)]


def test_a_charge_and_its_refund_in_one_batch_are_told_in_order(client: redis.Redis) -> None:
    put(client, event_body(charge_object()), event_body(refund_object(), "refund.succeeded"))
    assert apply_events.drain(context_with(client)) == 2
    assert told(client) == ["paid:order00000001", f"refunded:{refund_object()['id']}"]
    assert [one["sequence"] for one in messages(client)] == ["0000000001", "0000000002"]
    assert [one["data"]["payment"]["status"] for one in messages(client)] == ["paid", "partially_refunded"]


def test_a_refund_before_its_charge_in_one_batch_is_asked_about(client: redis.Redis) -> None:
    put(client, event_body(refund_object(), "refund.succeeded"), event_body(charge_object()))
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000001"]
    assert client.zcard(KEYS.due(ASKS)) == 1


def test_one_charge_under_two_order_numbers_in_one_batch_is_asked_about(client: redis.Redis) -> None:
    put(client, event_body(charge_object()), event_body(charge_object(order_no="other"), number=9))
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000001"]
    assert client.zcard(KEYS.due(ASKS)) == 1
    assert client.zcard(KEYS.due(EVENTS)) == 0


def test_events_of_one_payment_in_one_batch_make_one_document(client: redis.Redis) -> None:
    bodies = [event_body(charge_object(n, order_no="one")) for n in range(1, 60)]
    put(client, *bodies)
    apply_events.drain(context_with(client))
    kinds = [one["type"].rpartition(".")[2] for one in messages(client)]
    assert kinds == ["paid"] + ["paid_again"] * 58
    assert client.zcard(KEYS.payments) == 1


def test_more_than_one_claim_and_more_than_one_call_of_record(client: redis.Redis) -> None:
    put(client, *(event_body(charge_object(n)) for n in range(1, apply_events.CLAIM + 120)))
    assert apply_events.drain(context_with(client)) == apply_events.CLAIM + 119
    assert len(set(told(client))) == apply_events.CLAIM + 119
    assert client.zcard(KEYS.due(EVENTS)) == client.hlen(KEYS.attempts(EVENTS)) == 0


def test_a_mistake_of_ours_in_one_payment_stops_no_other(client: redis.Redis, monkeypatch: Any) -> None:
    fold = join.fold  # type: ignore[attr-defined]

    def broken(payment: Any, sighting: Any) -> Any:
        if payment.order_no == "order00000002":
            raise ZeroDivisionError("a mistake")
        return fold(payment, sighting)

    monkeypatch.setattr(join, "fold", broken)
    members = put(client, *(event_body(charge_object(n)) for n in (1, 2, 3)))
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000001", "paid:order00000003"]
    assert client.zrange(KEYS.due(EVENTS), 0, -1) == [members[1].encode()]
    assert b"a mistake" in client.hget(KEYS.attempts(EVENTS), members[1])  # type: ignore[operator]
    for _ in range(due.ATTEMPTS):
        leases_run_out(client)
        apply_events.drain(context_with(client))
    (letter,) = client.keys("dead_letter:*")
    fields: Any = client.hgetall(letter)
    assert (fields[b"reason"], fields[b"attempts"]) == (b"attempts_used_up", str(due.ATTEMPTS).encode())
    assert b"a mistake" in fields[b"last_error"]


def test_a_broken_law_writes_and_tells_nothing_of_its_payment_and_stops_no_other(
    client: redis.Redis, monkeypatch: Any
) -> None:
    fold = join.fold  # type: ignore[attr-defined]

    def forgetful(payment: Any, sighting: Any) -> Any:
        folded = fold(payment, sighting)
        if payment.order_no != "order00000002":
            return folded
        return replace(folded, payment=msgspec.structs.replace(folded.payment, first_paid=None))

    monkeypatch.setattr(join, "fold", forgetful)
    members = put(client, *(event_body(charge_object(n)) for n in (1, 2, 3)))
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000001", "paid:order00000003"]
    assert client.zcard(KEYS.payments) == 2
    assert b"LawBroken" in client.hget(KEYS.attempts(EVENTS), members[1])  # type: ignore[operator]


def test_a_document_of_a_later_release_waits_for_a_later_worker(client: redis.Redis) -> None:
    document = b'{"schema":99,"app":"app_1Gqj58ynP0mHeX1q","order_no":"order00000001","charges":{}}'
    client.set(KEYS.payment("app_1Gqj58ynP0mHeX1q:order00000001"), b"0" * 16 + document)
    put(client, event_body(charge_object()), event_body(charge_object(2)))
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000002"]
    assert client.zcard(KEYS.due(EVENTS)) == 1
    tried: Any = client.hvals(KEYS.attempts(EVENTS))
    assert due.read_attempts(*tried)[0] == 0


def test_one_payment_that_cannot_be_read_does_not_stop_the_others(client: redis.Redis) -> None:
    client.set(KEYS.payment("app_1Gqj58ynP0mHeX1q:order00000001"), b"0" * 16 + b"{")
    put(client, event_body(charge_object()), event_body(charge_object(2)))
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000002"]
    assert client.zcard(KEYS.due(EVENTS)) == 1


def test_an_event_that_kills_whoever_reads_it_ends_as_a_dead_letter(
    client: redis.Redis, monkeypatch: Any
) -> None:
    members = put(client, event_body(charge_object()), event_body(charge_object(2)))

    def deadly(member: str, *args: Any, **more: Any) -> Any:
        if member == members[0]:
            raise Killed
        return read(member, *args, **more)

    monkeypatch.setattr(apply_events, "read", deadly)
    for _ in range(due.ATTEMPTS + 3):
        leases_run_out(client)
        survives(lambda: apply_events.drain(context_with(client)))
    assert told(client) == ["paid:order00000002"]
    (letter,) = client.keys("dead_letter:*")
    fields: Any = client.hgetall(letter)
    assert (fields[b"reason"], fields[b"member"].decode()) == (b"attempts_used_up", members[0])
    assert client.ttl(KEYS.body(members[0])) == -1
    assert client.zcard(KEYS.due(EVENTS)) == 0


ODD_ELSEWHERE: dict[str, Callable[[bytes], bytes]] = {
    "invalid UTF-8": lambda body: body.replace(b'"iar_', b'"\xffiar_'),
    "a number beyond reason": lambda body: body[:-1] + b', "n": 1e999}',
    "an integer beyond reason": lambda body: body[:-1] + b', "n": ' + b"9" * 5000 + b"}",
    "deep nesting": lambda body: body[:-1] + b', "n": ' + b"[" * 50_000 + b"]" * 50_000 + b"}",
}


@pytest.mark.parametrize("how", ODD_ELSEWHERE)
@pytest.mark.parametrize("type_", ["charge.succeeded", "order.succeeded"])
def test_what_is_odd_outside_the_object_disturbs_no_neighbour(
    client: redis.Redis, how: str, type_: str
) -> None:
    odd, good = event_body(charge_object(), type_), event_body(charge_object(2))
    (member,) = put(client, odd)
    client.set(KEYS.body(member), ODD_ELSEWHERE[how](odd))
    put(client, good)
    apply_events.drain(context_with(client))
    assert told(client) == ["paid:order00000002"]
    (letter,) = client.keys("dead_letter:*")
    assert client.hget(letter, "reason") == b"not_json"


def test_every_depth_of_nesting_ends_somewhere(client: redis.Redis) -> None:
    depths = [*range(150, 260, 10), *range(900, 1100, 7)]
    for n in depths:
        flat = event_body({"id": f"obj_{n}", "deep": "here"}, "order.succeeded", number=n)
        (member,) = put(client, flat)
        client.set(KEYS.body(member), flat.replace(b'"here"', b"[" * n + b"]" * n))
    apply_events.drain(context_with(client))
    assert client.xlen("fulfilment") + client.zcard(KEYS.dead_letters) == len(depths)


def test_an_event_whose_body_is_gone_is_a_dead_letter(client: redis.Redis) -> None:
    (member,) = put(client, event_body(charge_object()))
    client.delete(KEYS.body(member))
    apply_events.drain(context_with(client))
    (letter,) = client.keys("dead_letter:*")
    assert client.hget(letter, "reason") == b"body_missing"


def test_one_that_was_tried_is_worked_on_between_those_that_were_not(client: redis.Redis) -> None:
    members = put(client, *(event_body(charge_object(n)) for n in range(1, 6)))
    client.hset(KEYS.attempts(EVENTS), mapping=dict.fromkeys(members[:3], "1 5 "))
    assert apply_events.drain(context_with(client)) == 5
    assert told(client)[:2] == ["paid:order00000004", "paid:order00000005"]
    assert len(told(client)) == 5


@pytest.mark.parametrize(
    "type_", ["order.succeeded", "transfer.failed", "something.new", "summary.daily.available"]
)
def test_other_events_pass_through_as_they_came(client: redis.Redis, type_: str) -> None:
    body = event_body(
        {"id": "obj_1", "object": "x", "app": "app_a", "amount": 5, "名": "值"}, type_, number=1
    )
    put(client, body)
    apply_events.drain(context_with(client))
    (message,) = messages(client)
    assert (message["type"], message["id"]) == (f"pingpp.event.{type_}", f"evt_{1:024d}:obj_1")
    assert (message["source"], message["data"]["event"]) == ("/pingpp-ingest/app_a", json.loads(body))


def test_a_charge_of_our_own_belongs_to_the_payment_that_its_metadata_names(client: redis.Redis) -> None:
    retried = charge_object(2, order_no="order00000001x2", metadata={"pingpp_ingest_order": "order00000001"})
    put(client, event_body(unpaid(1), "charge.failed"), event_body(retried))
    apply_events.drain(context_with(client))
    (message,) = messages(client)
    assert (message["id"], message["subject"]) == ("paid:order00000001", "order00000001")
