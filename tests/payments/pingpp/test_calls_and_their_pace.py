"""Story: what each call to Ping++ does to the pace of all, and what the pace does to a call."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import httpx
import pytest
import redis
import stamina

from payments.pingpp import gateway as gateways
from payments.pingpp.gateway import Gateway, GatewayError, NotNow, Unanswered
from payments.pingpp.pace import Pace
from tests.patience import PATIENCE_S
from tests.payments.pingpp.test_pace import AWAY, EMPTY, RATE, held, hold, now_ms, pace, rate

READ = ("GET", lambda gateway: gateway.retrieve_charge("ch_1"))
CREATE = ("POST", lambda gateway: gateway.create_charge({"order_no": "1"}))
LOWERS: list[Any] = [403, 429, 500, 502, 503, 401, httpx.ReadTimeout("slow"), httpx.ConnectError("refused")]
DOES_NOT: list[Any] = [200, 400, 402, 404]


class Line:
    """Ping++ as it answers, and what it was asked."""

    def __init__(self, *answers: Any, takes_s: float = 0) -> None:
        self.answers, self.takes_s, self.asked = answers, takes_s, list[str]()

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers[len(self.asked) % len(self.answers)]
        self.asked.append(request.method)
        await asyncio.sleep(self.takes_s)
        if isinstance(answer, Exception):
            raise answer
        return httpx.Response(answer, json={"id": "ch_1"} if answer == 200 else {"error": {"type": "x"}})


def call(
    line: Line, one: Pace, ask: Callable[[Gateway], Any], *, within_s: float = PATIENCE_S, tries: int = 1
) -> BaseException | None:
    """One call of the gateway at that pace; what it raised."""

    async def run() -> None:
        transport = httpx.MockTransport(line)
        async with Gateway("http://pingpp", "k", transport=transport, pace=one, tries=tries) as gateway:
            async with asyncio.timeout(within_s):
                await ask(gateway)

    try:
        asyncio.run(run())
    except (GatewayError, TimeoutError, redis.RedisError) as error:
        return error
    return None


@pytest.mark.parametrize(("method", "ask"), [READ, CREATE], ids=["GET", "POST"])
@pytest.mark.parametrize("answer", [*LOWERS, *DOES_NOT], ids=str)
def test_what_each_answer_does_to_the_pace(client: redis.Redis, method: str, ask: Any, answer: Any) -> None:
    line = Line(answer)
    raised = call(line, pace(client), ask)
    assert (raised is None) is (answer == 200)
    assert line.asked == [method]
    assert rate(client) == (RATE / 2 if answer in LOWERS else RATE)
    assert not client.exists("in_flight")


def test_what_changes_something_waits_for_nothing(client: redis.Redis) -> None:
    hold(client, **EMPTY)
    line, none_left = Line(200), pace(client, in_flight=0)
    assert call(line, none_left, CREATE[1]) is None
    assert line.asked == ["POST"]
    assert held(client)["tokens"] == 0
    assert isinstance(call(line, none_left, READ[1], within_s=0.2), TimeoutError)
    assert line.asked == ["POST"]  # who waits no longer has not called


def test_each_try_takes_a_turn_of_its_own(client: redis.Redis) -> None:
    with stamina.set_testing(True, attempts=3, cap=True):
        for tries, made in ((1, 1), (3, 3)):
            line = Line(503)
            hold(client, tokens=2, rate=1, slowed=now_ms(client))
            assert isinstance(call(line, pace(client), READ[1], tries=tries), Unanswered)
            assert len(line.asked) == made
            assert held(client)["tokens"] < 1.5


@pytest.mark.parametrize(("takes_s", "lowers"), [(0.3, True), (0.0, False)])
def test_a_call_that_its_caller_gave_up_timed_out_if_it_had_its_time(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch, takes_s: float, lowers: bool
) -> None:
    monkeypatch.setattr(gateways, "_TIMED_OUT", takes_s or 5)
    assert isinstance(call(Line(200, takes_s=30), pace(client), READ[1], within_s=1.0), TimeoutError)
    assert rate(client) == (RATE / 2 if lowers else RATE)
    assert not client.exists("in_flight")


def test_an_answer_counts_even_if_redis_cannot_be_told(
    client: redis.Redis, monkeypatch: pytest.MonkeyPatch
) -> None:
    def away(*_: Any) -> None:
        raise redis.ConnectionError("away")

    monkeypatch.setattr("payments.pingpp.pace._paced", away)
    assert call(Line(200), pace(client), READ[1]) is None
    assert isinstance(call(Line(503), pace(client), CREATE[1]), Unanswered)
    assert isinstance(call(Line(200), pace(AWAY), READ[1]), redis.ConnectionError)


def test_a_process_that_ends_calls_no_more(client: redis.Redis) -> None:
    hold(client, **EMPTY)
    line, stopping = Line(200), threading.Event()
    stopping.set()
    assert isinstance(call(line, pace(client, stopping=stopping), READ[1]), NotNow)
    assert not line.asked
    assert rate(client) == 1
