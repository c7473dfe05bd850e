"""Checks: what is not settled is looked at, and a look ends in the books, in another look, or with a person."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import httpx
import pytest
import redis
import stamina

from payments import clock
from payments.books import ledger
from payments.books.join import Decision
from payments.dead_letters import letters
from payments.keys import CHECKS
from payments.pingpp.gateway import Gateway
from payments.pingpp.sighting import of_charge
from payments.store import Store
from tests.conftest import charge_object, messages, unpaid
from tests.workers.crash import KEYS, context_with
from workers import check

APP = charge_object()["app"]
Answer = Callable[[httpx.Request], httpx.Response]


def watched(client: redis.Redis, numbers: Iterable[int]) -> None:
    """These charges are open in the books, and a look at each is due."""
    for number in numbers:
        seen = of_charge(unpaid(number, time_expire=2**33), "retrieve", 1)

        def decide(payment: Any, _: int, seen: Any = seen) -> Decision:
            decision = Decision(payment)
            decision.take(seen)
            return decision

        ledger.change(Store(client, KEYS), f"{APP}:order{number:08d}", decide, charge=seen.charge_id)
        client.zadd(KEYS.due(CHECKS), {member(number): 0}, xx=True)


def member(number: int) -> str:
    return f":ch_{number:024d}"


def look(client: redis.Redis, answer: Answer) -> None:
    """A worker looks at what is due; Ping++ gives this answer."""
    transport = httpx.MockTransport(answer)
    context = replace(
        context_with(client), gateway=lambda: Gateway("http://pingpp", "sk_live_x", transport=transport)
    )
    with stamina.set_testing(True, attempts=1):
        assert check.drain(context, CHECKS) > 0


def number_in(request: httpx.Request) -> int:
    return int(request.url.path.rpartition("_")[2])


def waits_s(client: redis.Redis, number: int) -> float:
    """In how many seconds the next look is due."""
    due: Any = client.zscore(KEYS.due(CHECKS), member(number))
    return (float(due) - clock.now_ms(client)) / 1000


def told(client: redis.Redis) -> list[str]:
    return sorted(one["id"] for one in messages(client))


def test_what_was_paid_without_a_webhook_is_published_and_looked_at_no_more(client: redis.Redis) -> None:
    watched(client, [1])
    look(client, lambda _: httpx.Response(200, json=charge_object(1, time_expire=2**33)))
    assert told(client) == ["paid:order00000001"]
    assert client.zcard(KEYS.due(CHECKS)) == 0


def test_what_is_open_still_is_looked_at_again_later(client: redis.Redis) -> None:
    watched(client, [1])
    look(client, lambda _: httpx.Response(200, json=unpaid(1, time_expire=2**33)))
    assert told(client) == []
    assert waits_s(client, 1) > 1


def test_a_member_that_others_have_settled_is_taken_off_and_nothing_is_asked(client: redis.Redis) -> None:
    def nobody(_: httpx.Request) -> httpx.Response:
        raise AssertionError("nothing is to be asked")

    client.zadd(KEYS.due(CHECKS), {member(1): 0})
    look(client, nobody)
    assert client.zcard(KEYS.due(CHECKS)) == 0
    assert client.zcard(KEYS.dead_letters) == 0


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_failure_outside_us_puts_it_off_and_counts_no_attempt(client: redis.Redis, status: int) -> None:
    watched(client, [1])
    look(client, lambda _: httpx.Response(status, json={"error": {"message": "not now"}}))
    assert waits_s(client, 1) <= 60  # seconds: an outage is noticed to be over within a minute
    tried: Any = client.hget(KEYS.attempts(CHECKS), member(1))
    assert tried.startswith(b"0 ")
    assert client.zcard(KEYS.dead_letters) == 0


def test_each_has_an_end_of_its_own(client: redis.Redis) -> None:
    """One is paid, one is refused, one is no charge at all, and at one we make a mistake."""
    watched(client, [1, 2, 3, 4])

    def answer(request: httpx.Request) -> httpx.Response:
        number = number_in(request)
        if number == 2:
            return httpx.Response(400, json={"error": {"type": "invalid_request_error", "message": "no"}})
        if number == 3:
            return httpx.Response(200, json={"id": f"ch_{3:024d}", "object": "charge"})
        if number == 4:
            raise ZeroDivisionError
        return httpx.Response(200, json=charge_object(1, time_expire=2**33))

    look(client, answer)
    assert told(client) == ["paid:order00000001"]
    dead = {one.charge_id: one.reason for one in letters.newest(Store(client, KEYS), 10)}
    assert dead == {f"ch_{2:024d}": "gateway_refused", f"ch_{3:024d}": "malformed"}
    assert client.zrange(KEYS.due(CHECKS), 0, -1) == [member(4).encode()]
