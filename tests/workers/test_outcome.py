"""How work ends: each kind of trouble, of each kind, and what Redis and the log have of it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import redis
from structlog.testing import capture_logs

from payments import clock, due
from payments.books.attempts import NotPossible
from payments.books.document import SCHEMA, NewerSchema
from payments.books.join import Odd
from payments.books.ledger import Busy
from payments.books.payment import Payment, Registration
from payments.dead_letters import letters
from payments.due import ATTEMPTS, Claimed
from payments.keys import CHECKS
from payments.pingpp.gateway import NotFound, NotNow, Refused, Unanswered
from payments.pingpp.sighting import Malformed, of_charge
from payments.store import Store
from tests.conftest import charge_object
from tests.workers.crash import KEYS
from workers.outcome import (
    ASKED,
    CHECKED,
    DAY_MS,
    REQUESTED,
    SWEPT,
    UNRESOLVED,
    Case,
    Dead,
    Kind,
    NotYet,
    meaning,
    settle,
)

KINDS = (ASKED, CHECKED, UNRESOLVED, SWEPT, REQUESTED)
SEEN = of_charge(charge_object(), "retrieve", 1)
HELD = Payment(SCHEMA, "app_1", "order1", registration=Registration(7, "cny", livemode=True))


def ends(problem: Exception, age_ms: int = 0) -> list[str]:
    """What it means by each of the rules."""
    found = []
    for kind in KINDS:
        end = meaning(kind, problem, age_ms)
        found.append("mistake" if end is None else end.reason if isinstance(end, Dead) else "later")
    return found


@pytest.mark.parametrize(
    ("problem", "meant"),
    [
        (NotFound("x"), ["charge_not_found"] * 3 + ["mistake", "sweep_failed"]),
        (Refused("x"), ["gateway_refused"] * 3 + ["mistake", "sweep_failed"]),
        (Malformed("x"), ["malformed"] * 3 + ["mistake"] * 2),
        (Dead("contradicted"), ["contradicted"] * 5),
        (NotNow("x"), ["later"] * 5),
        (Unanswered("x"), ["later"] * 5),
        (TimeoutError(), ["later"] * 5),
        (NotYet("x"), ["later"] * 5),
        (Busy("x"), ["later"] * 5),
        (NotPossible("x", "y"), ["later"] * 5),
        (NewerSchema("x"), ["later"] * 5),
        (Odd("paid_while_reversing", HELD, SEEN), ["later"] * 5),
        (Odd("not_as_registered", HELD, SEEN), ["not_as_registered"] * 5),
        (Odd("refund_conflict", HELD, SEEN), ["identity_conflict"] * 5),
        (ValueError("x"), ["mistake"] * 5),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_what_each_trouble_means(problem: Exception, meant: list[str]) -> None:
    assert ends(problem) == meant


@pytest.mark.parametrize(
    ("problem", "meant"),
    [
        (Unanswered("x"), ["gateway_unreachable", "later", "attempt_unresolved", "later", "later"]),
        (TimeoutError(), ["gateway_unreachable", "later", "attempt_unresolved", "later", "later"]),
        (NotYet("x"), ["later", "later", "attempt_unresolved", "later", "later"]),
        (Busy("x"), ["later", "later", "attempt_unresolved", "later", "later"]),
        (NewerSchema("x"), ["later"] * 5),
    ],
    ids=lambda one: type(one).__name__ if isinstance(one, Exception) else "",
)
def test_what_it_means_after_a_day(problem: Exception, meant: list[str]) -> None:
    assert ends(problem, DAY_MS) == ["later"] * 5
    assert ends(problem, DAY_MS + 1) == meant


def test_an_oddity_shows_all_sides() -> None:
    end = meaning(CHECKED, Odd("not_as_registered", HELD, SEEN), 0)
    assert isinstance(end, Dead)
    assert end.evidence["found"]["amount"] == 100
    assert end.evidence["held"] == {"charge": SEEN.charge_id, "payment": "app_1:order1"}
    assert end.evidence["registered"] == {"amount": 7, "currency": "cny"}


MEMBER = ":ch_1"


def case(client: redis.Redis, kind: Kind = CHECKED, attempts: int = 1, **more: Any) -> Case:
    """One that was claimed, and has waited for ten seconds."""
    client.zadd(KEYS.due(CHECKS), {MEMBER: 2**53})
    client.hset(KEYS.attempts(CHECKS), MEMBER, f"{attempts} 1000 it broke")
    return Case(claimed=Claimed(MEMBER, 1000, attempts, "it broke"), now_ms=11_000, kind=kind, **more)


def settled(client: redis.Redis, one: Case, work: Callable[[], Awaitable[str]]) -> dict[str, Any]:
    """The one line that says it."""
    with capture_logs() as lines:
        asyncio.run(settle(Store(client, KEYS), CHECKS, one, work))
    (line,) = [line for line in lines if line["event"] == one.kind.said]
    assert line.pop("duration_ms") >= 0
    return dict(line)


def raising(problem: Exception) -> Callable[[], Awaitable[str]]:
    async def work() -> str:
        raise problem

    return work


async def well() -> str:
    return "known"


def tried(client: redis.Redis) -> tuple[int, str]:
    value: Any = client.hget(KEYS.attempts(CHECKS), MEMBER)
    attempts, _, error = due.read_attempts(value)
    return attempts, error


def test_what_was_done_is_said_in_one_line(client: redis.Redis) -> None:
    one = case(client, about={"charge_id": "ch_1"}, more={"odd": "x", "told": []})
    assert settled(client, one, well) == {
        "event": "checked", "log_level": "info", "outcome": "known", "charge_id": "ch_1", "odd": "x", "attempt": 1,
    }  # fmt: skip
    assert settled(client, case(client, quiet=True), well)["log_level"] == "debug"
    assert client.zcard(KEYS.due(CHECKS)) == 1  # the work itself takes it off


def test_not_yet_is_put_off_by_age_and_counts_no_attempt(client: redis.Redis) -> None:
    before_ms = clock.now_ms(client)
    line = settled(client, case(client, quiet=True), raising(TimeoutError()))
    after_ms = clock.now_ms(client)
    assert (line["outcome"], line["log_level"]) == ("put_off", "warning")
    assert line["reason"] == "no answer from Ping++ in time"
    assert tried(client) == (0, "no answer from Ping++ in time")
    due_ms: Any = client.zscore(KEYS.due(CHECKS), MEMBER)
    assert before_ms + 3_750 <= due_ms <= after_ms + 5_000  # half of its age, less jitter


def test_a_mistake_of_ours_counts_and_leaves_a_trace(client: redis.Redis) -> None:
    with capture_logs() as lines:
        asyncio.run(
            settle(Store(client, KEYS), CHECKS, case(client, attempts=2), raising(ZeroDivisionError("x")))
        )
    trace, line = lines
    assert (trace["log_level"], trace["member"], repr(trace["exc_info"])) == (
        "error", MEMBER, "ZeroDivisionError('x')",
    )  # fmt: skip
    assert (line["outcome"], line["reason"], line["attempt"]) == ("put_off", "ZeroDivisionError('x')", 2)
    assert tried(client) == (2, "ZeroDivisionError('x')")


def test_a_refusal_is_a_dead_letter_with_its_evidence_and_its_ids(client: redis.Redis) -> None:
    about = {"charge_id": "ch_1", "attempt_id": "at_1"}
    one = case(client, about=about, evidence={"claimed": 1, "found": 2})
    line = settled(client, one, raising(Dead("contradicted", "they differ", {"found": 3})))
    assert (line["outcome"], line["reason"]) == ("dead", "contradicted they differ")
    (letter,) = letters.newest(Store(client, KEYS), 9)
    assert (letter.reason, letter.charge_id, letter.last_error, letter.attempts) == (
        "contradicted", "ch_1", "they differ", 1,
    )  # fmt: skip
    assert letter.evidence == {"claimed": 1, "found": 3}
    assert client.zcard(KEYS.due(CHECKS)) == client.hlen(KEYS.attempts(CHECKS)) == 0


@pytest.mark.parametrize(("kind", "reason"), [(CHECKED, "attempts_used_up"), (SWEPT, "sweep_failed")])
def test_what_is_used_up_is_not_worked_on_but_buried(client: redis.Redis, kind: Kind, reason: str) -> None:
    worked = []

    async def work() -> str:
        worked.append(1)
        return "known"

    line = settled(client, case(client, kind, ATTEMPTS + 1), work)
    assert (worked, line["outcome"]) == ([], "dead")
    (letter,) = letters.newest(Store(client, KEYS), 9)
    assert (letter.reason, letter.attempts, letter.last_error) == (reason, ATTEMPTS, "it broke")


def test_one_that_killed_its_workers_says_so(client: redis.Redis) -> None:
    one = Case(claimed=Claimed(MEMBER, 1, ATTEMPTS + 1, ""), now_ms=1, kind=ASKED)
    client.zadd(KEYS.due(CHECKS), {MEMBER: 1})
    settled(client, one, well)
    (letter,) = letters.newest(Store(client, KEYS), 9)
    assert letter.last_error == "the worker died each time"


def test_redis_unreachable_is_nobodys_to_tell(client: redis.Redis) -> None:
    one = case(client)
    before = client.dump(KEYS.due(CHECKS))
    with capture_logs() as lines, pytest.raises(redis.ConnectionError):
        asyncio.run(settle(Store(client, KEYS), CHECKS, one, raising(redis.ConnectionError("x"))))
    assert (lines, client.dump(KEYS.due(CHECKS))) == ([], before)
