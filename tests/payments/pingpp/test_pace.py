"""The budget of the calls to Ping++. Time passes by moving what Redis holds into the past: the scripts go by its clock."""

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from payments.keys import Keys
from payments.pingpp.pace import IN_FLIGHT, LEASE_MS, Ending, Pace, Went
from payments.store import Store
from tests.patience import PATIENCE_S, in_a_moment

RATE = 20
EMPTY = {"tokens": 0, "rate": 1}
AWAY = redis.Redis(port=1, retry=Retry(NoBackoff(), 0))


def now_ms(client: redis.Redis) -> int:
    seconds, micros = client.time()
    return int(seconds) * 1000 + int(micros) // 1000


def pace(client: redis.Redis, **more: Any) -> Pace:
    return Pace(Store(client, Keys()), **{"rate": RATE, "in_flight": 1000, "urgent": True, **more})


def hold(client: redis.Redis, **fields: float) -> None:
    """Redis before the call: the bucket counted, and the rest served, just now; nothing else unless named."""
    now = now_ms(client)
    wanted: Any = {"at": now, "rest": now, **fields}
    client.delete("pace")
    client.hset("pace", mapping=wanted)


def held(client: redis.Redis) -> dict[str, float]:
    fields: Any = client.hgetall("pace")
    return {name.decode(): float(value) for name, value in fields.items()}


def rate(client: redis.Redis) -> float:
    """The pace of all."""
    return held(client).get("rate", RATE)


def passes(client: redis.Redis, ms: int) -> None:
    """So much time passes."""
    for name in held(client).keys() & {"at", "rest", "slowed", "told"}:
        client.hincrby("pace", name, -ms)
    places: Any = client.zrange("in_flight", 0, -1)
    for place in places:
        client.zincrby("in_flight", -ms, place)


def as_many_as_go(one: Pace) -> int:
    return next(n for n in range(10_000) if one._take(str(n)))


def test_a_second_s_worth_goes_at_once_and_no_more(client: redis.Redis) -> None:
    began = now_ms(client)
    taken = as_many_as_go(pace(client))
    assert RATE <= taken <= RATE + 1 + RATE * (now_ms(client) - began) / 1000
    hold(client, tokens=0)
    passes(client, 500)
    assert RATE / 2 <= as_many_as_go(pace(client)) <= RATE
    hold(client, tokens=0)
    passes(client, 3_600_000)
    assert as_many_as_go(pace(client)) < 2 * RATE


@in_a_moment
def test_who_has_to_wait_is_told_for_how_long_and_nothing_is_written(client: redis.Redis) -> None:
    hold(client, tokens=0.2, rate=2)
    before = held(client)
    assert 300 <= pace(client)._take("a") <= 400
    assert pace(client, in_flight=0)._take("a") == 100
    assert held(client) == before
    hold(client, tokens=0.2, rate=1)
    assert pace(client, urgent=False)._take("a") == 1000  # not 1.3 s: the pace may have risen by then
    assert not client.exists("in_flight")


def test_all_together_keep_the_rate(client: redis.Redis) -> None:
    async def run() -> None:
        shared = pace(client), pace(client), pace(client, urgent=False)
        await asyncio.gather(*(shared[n % 3].turn() for n in range(45)))

    began = now_ms(client)
    asyncio.run(run())
    assert now_ms(client) - began >= (45 - RATE) * 1000 / RATE - 50
    assert client.zcard("in_flight") == 45


def test_a_clock_that_was_put_back_stops_nobody(client: redis.Redis) -> None:
    ahead = now_ms(client) + 3_600_000
    hold(client, tokens=0, at=ahead, slowed=ahead)
    assert pace(client)._take("a") == 0
    assert held(client)["at"] <= now_ms(client)
    pace(client)._tell("a", "slow")
    assert rate(client) == RATE / 2


@in_a_moment
def test_trouble_halves_the_pace_at_most_once_a_second(client: redis.Redis) -> None:
    one, another = pace(client), pace(client)
    assert one._tell("", "slow") == b"10.00"
    assert another._tell("", "slow") is None
    assert rate(client) == 10
    passes(client, 1000)
    assert another._tell("", "slow") == b"5.00"
    assert one._tell("", "slow") is None
    assert rate(client) == 5


@in_a_moment
def test_it_never_falls_below_one_call_a_second(client: redis.Redis) -> None:
    one = pace(client)
    rates = []
    for _ in range(7):
        one._tell("", "slow")
        passes(client, 1000)
        rates.append(rate(client))
    assert rates == [10, 5, 2.5, 1.25, 1, 1, 1]
    hold(client, rate=1, tokens=0)
    passes(client, 1000)
    assert [one._take("a"), one._take("b") > 500] == [0, True]


def test_success_raises_it_by_time_and_silence_hardly(client: redis.Redis) -> None:
    one = pace(client)
    hold(client, rate=1, told=now_ms(client))
    passes(client, 5_000)
    assert one._tell("", "ok") is None
    step = 19 * 5_000 / 120_000
    assert rate(client) == pytest.approx(1 + step, abs=0.001)
    passes(client, 3_600_000)
    one._tell("", "ok")
    assert rate(client) == pytest.approx(1 + 2 * step, abs=0.001)
    for _ in range(50):  # many calls within a moment
        one._tell("", "ok")
    assert rate(client) < 1 + 3 * step


@in_a_moment
def test_failing_time_does_not_count_as_recovery(client: redis.Redis) -> None:
    one = pace(client)
    hold(client, rate=4, told=now_ms(client) - 5_000, slowed=now_ms(client))
    one._tell("", "slow")
    one._tell("", "ok")
    assert rate(client) == pytest.approx(4, abs=0.1)
    hold(client, rate=4, told=now_ms(client) - 5_000)
    one._tell("", "unknown")
    assert rate(client) == 4


def test_at_full_pace_nothing_is_kept_of_it_so_that_another_setting_holds_at_once(
    client: redis.Redis,
) -> None:
    hold(client, rate=19.9, told=now_ms(client) - 5_000)
    assert pace(client)._tell("", "ok") == b"20.00"
    assert not held(client).keys() & {"rate", "told"}
    hold(client, rate=50)
    pace(client, rate=3)._tell("", "slow")
    assert rate(client) == 1.5


def test_from_the_floor_to_full_takes_about_two_minutes(client: redis.Redis) -> None:
    one, seconds = pace(client), 0.0
    hold(client, rate=1, tokens=0, told=now_ms(client))
    while "rate" in held(client) and seconds < 200:
        passes(client, 500)
        seconds += 0.5
        for _ in range(as_many_as_go(one)):
            one._tell("", "ok")
        client.delete("in_flight")
    assert 100 <= seconds <= 130


def outage(client: redis.Redis, seconds: int, fails_after_s: float) -> int:
    """How many calls are made while none succeeds and as many as may be are wanted."""
    one, calls, step = pace(client, in_flight=IN_FLIGHT), 0, 0.5
    under_way: list[tuple[float, str]] = []
    for tick in range(int(seconds / step)):
        at, began = tick * step, now_ms(client)
        while one._take(f"{calls}") == 0:
            under_way.append((at + fails_after_s, f"{calls}"))
            calls += 1
        while under_way and under_way[0][0] <= at:
            one._tell(under_way.pop(0)[1], "slow")
        passes(client, max(0, int(1000 * step) - (now_ms(client) - began)))  # what the test took has passed
    return calls


@pytest.mark.parametrize("fails_after_s", [0, 0.5, 15])
def test_an_outage_costs_a_call_a_second_and_what_the_fall_takes(
    client: redis.Redis, fails_after_s: float
) -> None:
    assert 60 <= outage(client, 120, fails_after_s) <= 120 + 2 * RATE + IN_FLIGHT


@in_a_moment
def test_the_rest_leaves_a_quarter_to_calls_that_somebody_waits_for(client: redis.Redis) -> None:
    urgent, rest = pace(client), pace(client, urgent=False)
    hold(client, rate=1, tokens=1)
    assert rest._take("a") > 0
    assert urgent._take("b") == 0
    hold(client, rate=1, tokens=1.5)  # at the floor too it has its turns
    assert rest._take("a") == 0
    hold(client, tokens=4)
    assert rest._take("c") > 0


@in_a_moment
def test_the_rest_is_not_shut_out_for_ever(client: redis.Redis) -> None:
    hold(client, rate=1, tokens=1, rest=now_ms(client) - 10_000)
    assert pace(client, urgent=False)._take("a") == 0
    client.hset("pace", mapping={"tokens": 1, "at": now_ms(client)})
    assert pace(client, urgent=False)._take("b") > 0


def test_calls_in_flight_are_limited_and_the_rest_leaves_a_quarter_of_the_places(client: redis.Redis) -> None:
    urgent, rest = pace(client, in_flight=4), pace(client, in_flight=4, urgent=False)
    hold(client)
    assert [rest._take(name) for name in "abc"] == [0, 0, 0]
    assert rest._take("d") == 100
    assert [urgent._take(name) for name in "de"] == [0, 100]
    rest._tell("a", "unknown")
    assert urgent._take("e") == 0


def test_the_places_of_a_process_that_died_come_back(client: redis.Redis) -> None:
    dead, alive = pace(client, in_flight=2), pace(client, in_flight=2)
    assert [dead._take("a"), dead._take("b"), alive._take("c")] == [0, 0, 100]
    passes(client, LEASE_MS - 5_000)
    assert alive._take("c") == 100
    passes(client, 5_001)
    assert alive._take("c") == 0
    assert client.zrange("in_flight", 0, -1) == [b"c"]
    dead._tell("a", "ok")  # it was only slow
    assert client.zrange("in_flight", 0, -1) == [b"c"]


@pytest.mark.parametrize(
    "change", [lambda one: one._take("a"), lambda one: one._tell("a", "slow")], ids=["pace", "paced"]
)
def test_what_redis_refuses_is_not_swallowed(client: redis.Redis, change: Callable[[Pace], Any]) -> None:
    client.set("pace", "of another type")
    with pytest.raises(redis.ResponseError):
        change(pace(client))
    assert not client.exists("in_flight")


@pytest.mark.parametrize("went", ["ok", "slow", "unknown"])
def test_redis_away_ends_the_waiting_but_not_the_telling(went: Went) -> None:
    away = pace(AWAY)
    with pytest.raises(redis.ConnectionError):
        asyncio.run(away.turn())
    asyncio.run(away.tell("a", went))


def test_who_is_to_end_waits_no_longer(client: redis.Redis) -> None:
    async def run() -> None:
        stopping = threading.Event()
        one = pace(client, stopping=stopping, urgent=False)
        hold(client, **EMPTY)
        waiting = [asyncio.create_task(one.turn()) for _ in range(30)]
        await asyncio.sleep(0.05)
        assert not any(task.done() for task in waiting)
        stopping.set()
        async with asyncio.timeout(PATIENCE_S):
            ended = await asyncio.gather(*waiting, return_exceptions=True)
        assert sum(isinstance(one, Ending) for one in ended) >= 28  # a token or two came meanwhile

    asyncio.run(run())


def test_in_line_one_alone_asks_and_who_came_first_goes_first(client: redis.Redis) -> None:
    async def run() -> list[int]:
        one, order = pace(client, rate=50), list[int]()
        hold(client, tokens=0)

        async def call(number: int) -> None:
            place = await one.turn()
            order.append(number)
            await one.tell(place, "ok")

        await asyncio.gather(*map(call, range(8)))
        return order

    client.config_resetstat()
    assert asyncio.run(run()) == list(range(8))
    stats: Any = client.info("commandstats")
    assert stats["cmdstat_evalsha"]["calls"] <= 8 * 4
