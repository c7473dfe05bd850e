"""A call: too late it is not made, otherwise once, and each way in which it ends is one of four."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis

from payments import clock
from payments.books.attempts import BEGIN_MS
from payments.books.document import SCHEMA
from payments.books.ledger import Busy
from payments.books.payment import Attempt, Failure, Payment
from payments.keys import Keys
from payments.pingpp.gateway import Gateway, GatewayError, NotFound, NotNow, Refused, Unanswered
from payments.pingpp.sighting import Malformed
from payments.store import Store
from payments.taking import calling
from payments.taking.calling import Done, NotMade, SurelyNot, Unknown, call_once, end_of
from payments.taking.desk import Desk
from tests.payments.taking.kit import APP, ORDER, Run, Shop

PAYMENT = Payment(SCHEMA, "app_1", "order00000001")
REPLY = {"id": "ch_1"}


@pytest.fixture
def desk(client: redis.Redis) -> Desk:
    return Desk(Store(client, Keys()), Gateway("http://pingpp", "k"), livemode=False)


@pytest.mark.parametrize(
    ("problem", "end"),
    [
        (Refused("no", 400), SurelyNot),
        (NotFound("none", 404), SurelyNot),
        (NotNow("limit", 429), NotMade),
        (Unanswered("no answer"), Unknown),
        (GatewayError("of no kind"), Unknown),
        (TimeoutError(), Unknown),
        (Malformed("charge: no id"), Unknown),
    ],
    ids=repr,
)
def test_how_a_call_ended(problem: Exception, end: type[Any]) -> None:
    assert type(end_of(problem)) is end


def test_a_failure_has_pings_code_where_there_is_one() -> None:
    error = {"type": "invalid_request_error", "code": "channel_closed"}
    assert SurelyNot(Refused("no", 400, error)).failure == Failure("channel_closed", "no")
    assert SurelyNot(Refused("no", 400, {**error, "code": None})).failure.code == "invalid_request_error"
    assert SurelyNot(Refused("no", 400)).failure.code == "refused"
    assert NotMade(NotNow("later")).failure == Failure("unavailable", "later")


def made(desk: Desk, at_ms: int, call: Callable[[], Awaitable[Any]], took: list[Any]) -> Any:
    async def take(reply: Any, at_ms: int) -> Payment:
        took.append((reply, at_ms))
        return PAYMENT

    return asyncio.run(call_once(desk, at_ms, call, take))


def test_what_was_answered_is_taken_as_a_look_that_began_with_the_call(desk: Desk) -> None:
    written_ms, took = clock.now_ms(desk.store.client), list[Any]()

    async def call() -> Any:
        return REPLY

    assert made(desk, written_ms, call, took) == Done(PAYMENT)
    ((reply, at_ms),) = took
    assert reply == REPLY
    assert written_ms <= at_ms <= clock.now_ms(desk.store.client)


def test_too_late_by_redis_clock_it_is_not_made(desk: Desk) -> None:
    async def call() -> Any:
        raise AssertionError("called")

    late_ms = clock.now_ms(desk.store.client) - BEGIN_MS - 1
    end = made(desk, late_ms, call, [])
    assert isinstance(end, NotMade)
    assert end.failure.code == "unavailable"


def test_one_that_does_not_come_back_is_given_up_and_not_made_again(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []

    async def call() -> Any:
        calls.append(1)
        await asyncio.Event().wait()

    monkeypatch.setattr(calling, "CALL_MS", 20)
    took = list[Any]()
    assert isinstance(made(desk, clock.now_ms(desk.store.client), call, took), Unknown)
    assert (calls, took) == ([1], [])


def test_what_is_no_end_of_the_call_is_told_to_the_caller(desk: Desk) -> None:
    async def call() -> Any:
        return REPLY

    async def take(*_: Any) -> Payment:
        raise Busy("written by others")

    with pytest.raises(Busy):
        asyncio.run(call_once(desk, clock.now_ms(desk.store.client), call, take))


def test_a_request_that_is_under_way_elsewhere_is_waited_for(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        under_way = Attempt("at_1", "order00000001", "alipay_qr", "d", 1, 30_001)
        before = Payment(SCHEMA, APP, ORDER, attempts=(under_way,))
        after = await calling.ended_elsewhere(shop.desk, before, lambda one: one.attempts[-1].open)
        assert after == await shop.payment()

    shop(story)
