"""record.lua: Redis before, the call, Redis after; what has moved changes nothing."""

from typing import Any
from unittest.mock import ANY

import pytest
import redis
from msgspec.structs import replace

from payments.books import document, ledger, next_check
from payments.books.document import SCHEMA, TOKEN_BYTES, NewerSchema
from payments.books.fold import fold
from payments.books.join import Decision
from payments.books.laws import LawBroken
from payments.books.ledger import Held, Unit
from payments.books.next_check import BY_DEFAULT, Check
from payments.books.payment import Payment, Registration
from payments.keys import CHECKS, CHECKS_NOW, EVENTS, Keys
from payments.pingpp.sighting import of_charge
from payments.store import Store
from tests.conftest import charge_object, unpaid

KEYS = Keys()
APP = "app_1Gqj58ynP0mHeX1q"
NAME = f"{APP}:order00000001"
CHARGE = charge_object()["id"]
NOW_MS = 1_700_000_100_000


def snapshot(client: redis.Redis) -> dict[bytes, Any]:
    found: Any = client.keys()
    return {key: client.dump(key) for key in found}


def held(client: redis.Redis) -> Held:
    return ledger.load(Store(client, KEYS), [(CHARGE, NAME)], NOW_MS).held[NAME]


def unit(read: Held, payment: Payment, messages: list[bytes] | None = None, **more: Any) -> Unit:
    one = Unit(read, **more)
    one.becomes(Decision(payment, messages or []), NOW_MS, BY_DEFAULT)
    return one


def paid_unit(read: Held, **more: Any) -> Unit:
    folded = fold(read.payment, of_charge(charge_object(), "webhook", 5))
    return unit(read, folded.payment, [b"{}"], done=["evt_1:ch_1"], **more)


def record(client: redis.Redis, *units: Unit) -> list[Unit]:
    return ledger.record(Store(client, KEYS), EVENTS, units, 60)


def test_what_a_payment_becomes_brings_its_ties_and_its_checks() -> None:
    before = Held(Payment(SCHEMA, APP, "order00000001"))
    look = of_charge(unpaid(), "webhook", 5)
    registered = Registration(100, "cny", livemode=True, token="secret")
    open_ = fold(replace(before.payment, registration=registered), look).payment
    one = unit(before, open_)
    assert one.document == document.encode(open_)
    assert (one.charges, one.checkout) == ([(look.charge_id, unpaid()["created"])], "secret")
    assert one.checks == next_check.changes(before.payment, open_, NOW_MS, BY_DEFAULT)
    assert one.checks

    again = unit(Held(open_, b"token"), replace(open_, late=True))
    assert again.document
    assert (again.charges, again.checkout, again.checks) == ((), "", {f":{look.charge_id}": ANY})
    same = unit(Held(open_, b"token"), open_)
    assert (same.document, same.charges, same.checks) == (b"", (), {})


def test_a_change_that_breaks_a_law_fills_in_nothing() -> None:
    one = Unit(Held(Payment(SCHEMA, APP, "order00000001")))
    with pytest.raises(LawBroken):
        one.becomes(Decision(Payment(SCHEMA, APP, "another"), [], [":ch_1"]), NOW_MS, BY_DEFAULT)
    assert one == Unit(one.held)


def test_one_step_writes_document_tie_message_and_takes_the_event_off(client: redis.Redis) -> None:
    client.zadd(KEYS.due(EVENTS), {"evt_1:ch_1": 1, "evt_2:ch_2": 1})
    client.hset(KEYS.attempts(EVENTS), mapping={"evt_1:ch_1": 1, "evt_2:ch_2": 1})
    client.set(KEYS.body("evt_1:ch_1"), b"body")
    paid = paid_unit(held(client))
    paid.checks = {CHARGE: Check(CHECKS, 777), "ch_now": Check(CHECKS_NOW, 778), "ch_other": None}
    paid.asks = [":ch_3"]
    client.zadd(KEYS.due(CHECKS), {"ch_other": 1, "ch_now": 1})
    client.zadd(KEYS.due(CHECKS_NOW), {"ch_other": 1, CHARGE: 1})
    assert record(client, paid) == []
    read = held(client)
    assert (read.payment.status, len(read.token)) == ("paid", TOKEN_BYTES)
    assert paid.document == document.encode(read.payment)
    assert client.get(KEYS.charge(CHARGE)) == NAME.encode()
    assert client.zrange(KEYS.payments, 0, -1) == [NAME.encode()]
    assert client.zrange(KEYS.charges(NAME.partition(":")[0]), 0, -1, withscores=True) == [
        (CHARGE.encode(), charge_object()["created"])
    ]
    assert client.xlen(KEYS.fulfilment) == 1
    assert client.zrange(KEYS.due(EVENTS), 0, -1) == [b"evt_2:ch_2"]
    assert client.hkeys(KEYS.attempts(EVENTS)) == [b"evt_2:ch_2"]
    assert 0 < client.ttl(KEYS.body("evt_1:ch_1")) <= 60
    assert client.zrange(KEYS.due(CHECKS), 0, -1, withscores=True) == [(CHARGE.encode(), 777.0)]
    assert client.zrange(KEYS.due(CHECKS_NOW), 0, -1, withscores=True) == [(b"ch_now", 778.0)]
    assert client.zrange(KEYS.due("asks"), 0, -1) == [b":ch_3"]


def test_a_payment_that_moved_since_it_was_read_changes_nothing(client: redis.Redis) -> None:
    client.zadd(KEYS.due(EVENTS), {"evt_1:ch_1": 1})
    stale = held(client)
    folded = fold(stale.payment, of_charge(unpaid(), "webhook", 5))
    record(client, unit(stale, folded.payment))
    before = snapshot(client)
    paid = paid_unit(stale)
    assert record(client, paid) == [paid]
    assert snapshot(client) == before


def test_a_document_of_the_same_content_has_another_token(client: redis.Redis) -> None:
    record(client, paid_unit(held(client)))
    first = held(client)
    record(client, unit(first, replace(first.payment)))
    assert held(client).token != first.token
    assert held(client).payment == first.payment


def test_a_charge_that_is_tied_to_another_payment_changes_nothing(client: redis.Redis) -> None:
    read = held(client)
    client.set(KEYS.charge(CHARGE), "app:another")
    before = snapshot(client)
    paid = paid_unit(read)
    assert record(client, paid) == [paid]
    assert snapshot(client) == before


def test_one_that_moved_does_not_hold_up_the_others_of_its_call(client: redis.Redis) -> None:
    stale = held(client)
    record(
        client,
        unit(stale, fold(stale.payment, of_charge(unpaid(), "webhook", 5)).payment),
    )
    others = []
    for number in range(2, 250):
        look = of_charge(charge_object(number), "webhook", 5)
        empty = Held(Payment(SCHEMA, APP, f"order{number:08d}", created_ms=1))
        others.append(unit(empty, fold(empty.payment, look).payment, [b"{}"]))
    moved = paid_unit(stale)
    assert record(client, *others[:150], moved, *others[150:]) == [moved]
    assert client.xlen(KEYS.fulfilment) == 248
    assert client.zcard(KEYS.payments) == 249


def test_what_has_no_document_is_done_only_by_the_one_that_takes_it(client: redis.Redis) -> None:
    client.zadd(KEYS.due(EVENTS), {"evt_1:x": 1, "evt_2:x": 1})
    for _ in range(2):
        record(
            client,
            Unit(messages=[b"passed"], done=["evt_1:x"], only_if_taken=True),
            Unit(done=["evt_2:x"], only_if_taken=True, aside="other_app"),
        )
    assert client.xlen(KEYS.fulfilment) == 1
    assert client.hgetall(KEYS.kept_aside) == {b"other_app": b"1"}
    assert client.zcard(KEYS.due(EVENTS)) == 0


def test_no_new_fact_writes_no_document_and_is_done(client: redis.Redis) -> None:
    record(client, paid_unit(held(client)))
    client.zadd(KEYS.due(EVENTS), {"evt_9:ch_1": 1})
    read = held(client)
    assert record(client, unit(read, read.payment, done=["evt_9:ch_1"])) == []
    assert held(client) == read
    assert client.zcard(KEYS.due(EVENTS)) == 0


def test_a_charge_tied_to_another_payment_than_its_order_number_names_is_loaded_with_it(
    client: redis.Redis,
) -> None:
    record(client, paid_unit(held(client)))
    loaded = ledger.load(Store(client, KEYS), [(CHARGE, f"{APP}:something_else"), ("ch_new", None)], NOW_MS)
    assert loaded.ties == {CHARGE: NAME}
    assert loaded.held[NAME].payment.charges[0].id == CHARGE


def test_every_payment_that_a_charge_is_said_to_belong_to_is_loaded(client: redis.Redis) -> None:
    loaded = ledger.load(Store(client, KEYS), [(CHARGE, "app:a"), (CHARGE, None), (CHARGE, "app:b")], NOW_MS)
    assert loaded.held.keys() == {"app:a", "app:b"}
    assert {one.payment.created_ms for one in loaded.held.values()} == {NOW_MS}  # not by this machine's clock


@pytest.mark.parametrize("more", [b"", b',"charges":{"a":"another shape"}'])
def test_a_document_of_a_later_release_is_left_alone(client: redis.Redis, more: bytes) -> None:
    client.set(
        KEYS.payment(NAME), b"0" * TOKEN_BYTES + b'{"schema":99,"app":"a","order_no":"o"' + more + b"}"
    )
    loaded = ledger.load(Store(client, KEYS), [(CHARGE, NAME)], NOW_MS)
    assert (loaded.held, type(loaded.unreadable[NAME])) == ({}, NewerSchema)
    with pytest.raises(NewerSchema):
        ledger.load_payment(Store(client, KEYS), NAME)


def test_one_that_cannot_be_read_does_not_stop_the_others(client: redis.Redis) -> None:
    client.set(KEYS.payment("app:broken"), b"0" * TOKEN_BYTES + b"{")
    loaded = ledger.load(Store(client, KEYS), [(CHARGE, NAME), ("ch_x", "app:broken")], NOW_MS)
    assert (set(loaded.held), set(loaded.unreadable)) == ({NAME}, {"app:broken"})
    assert not isinstance(loaded.unreadable["app:broken"], NewerSchema)


def test_the_body_of_what_others_have_taken_does_not_expire(client: redis.Redis) -> None:
    client.set(KEYS.body("evt_1:ch_1"), b"body")
    record(client, paid_unit(held(client)))
    assert client.xlen(KEYS.fulfilment) == 1
    assert client.ttl(KEYS.body("evt_1:ch_1")) == -1


def test_a_script_that_redis_forgot_is_loaded_again(client: redis.Redis) -> None:
    client.script_flush()
    units = []
    for number in range(1, 151):  # more than one call: a pipeline
        look = of_charge(charge_object(number), "webhook", 5)
        empty = Held(Payment(SCHEMA, APP, f"order{number:08d}", created_ms=1))
        paid = fold(empty.payment, look).payment
        units.append(unit(empty, paid, [b"{}"]))
    assert record(client, *units) == []
    assert client.zcard(KEYS.payments) == 150
