"""`reconcile` has the workers compare the books with what Ping++ lists."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from redis.exceptions import ConnectionError as RedisAway

from ops.cli import reconcile
from payments.keys import SWEEPS
from payments.pingpp.gateway import Gateway
from payments.reconciliation import reports, run
from payments.reconciliation.sweep import Progress
from payments.store import Store
from tests.conftest import charge_object, event_body, messages
from tests.ops.cli.conftest import System, last_command
from tests.patience import until
from workers import sweep
from workers.context import Context

APP = "app_1Gqj58ynP0mHeX1q"
NOW = int(time.time())
REPORT = Progress("reconcile", APP, 1_700_000_000, 1_700_086_400, began_at=1_700_086_400)


def charge(number: int, **changes: Any) -> dict[str, Any]:
    """One that was paid an hour ago."""
    return charge_object(number, created=NOW - 3700, time_paid=NOW - 3600, **changes)


def listing(*charges: dict[str, Any]) -> Callable[[httpx.Request], httpx.Response]:
    """A Ping++ that lists these, newest first; those with refunds apart."""

    def answer(request: httpx.Request) -> httpx.Response:
        query = request.url.params
        after, before = query["created[gte]"], query.get("created[lte]", query.get("created[lt]", ""))
        found = [one for one in charges if int(after) <= one["created"] <= int(before)]
        found = [one for one in found if one["app"] == query["app[id]"]]
        if "refunded" in query:
            found = [one for one in found if one["refunded"]]
        return httpx.Response(200, json={"object": "list", "data": found, "has_more": False})

    return answer


def refusing(_: httpx.Request) -> httpx.Response:
    return httpx.Response(400, json={"error": {"message": "no such app"}})


@contextmanager
def worker(system: System, answer: Callable[[httpx.Request], httpx.Response], **more: Any) -> Iterator[None]:
    """Sweeps whatever is asked for, in a thread of its own."""
    context = Context(
        store=Store(system.client, system.keys), livemode=True, apps=frozenset(), order_key="order_no",
        keep_bodies_s=60, gateway=lambda: Gateway("http://pingpp", "sk_live_x", transport=httpx.MockTransport(answer)),
        **more,
    )  # fmt: skip
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.02):
            sweep.drain(context)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.fixture(autouse=True)
def _hurried(monkeypatch: pytest.MonkeyPatch, system: System) -> None:
    monkeypatch.setattr(reconcile, "_LOOK_EVERY_S", 0.02)
    system.client.set(system.keys.watch_from(), NOW - 86_400)


def told(system: System) -> list[str]:
    return [one["id"] for one in messages(system.client)]


def test_books_that_match(system: System) -> None:
    system.apply(event_body(charge(1)), event_body(charge(2)))
    with worker(system, listing(charge(1), charge(2))):
        answer = system.run("reconcile")
        document = system.run("reconcile --dry-run --json")
    assert (answer.status, document.status) == (0, 0)
    assert "The books match." in answer.out
    assert "2 charges" in answer.out
    assert f"Comparing {APP}" in answer.err
    assert document.err == ""
    report = document.json
    assert (report["matches"], report["compared"], report["equal"], report["calls"]) == (True, 2, 2, 2)
    assert report["until_at"] == report["began_at"] <= report["ended_at"]
    assert system.run(f"reports show {report['id']} --json").json == report


def test_a_dry_run_tells_what_differs_and_how_to_mend_it(system: System) -> None:
    system.apply(event_body(charge(1)))
    with worker(system, listing(charge(1), charge(2))):
        dry = system.run("reconcile --dry-run --since 2h")
        assert (dry.status, told(system)) == (3, ["paid:order00000001"])
        assert "The books do not match." in dry.out
        assert charge(2)["id"] in dry.out
        real = system.run(last_command(dry))
        assert (real.status, told(system)) == (0, ["paid:order00000001", "paid:order00000002"])
        assert "The books did not match, and do now." in real.out
        again = system.run(last_command(dry) + " --dry-run --json")
    assert (again.status, again.json["equal"]) == (0, 2)
    assert again.json["since_at"].endswith("Z")


def test_what_is_disputed_is_asked_and_told_by_the_status(system: System) -> None:
    system.apply(event_body(charge(1)))
    with worker(system, listing()):
        dry = system.run("reconcile --dry-run --app " + APP)
        assert (dry.status, system.due("asks")) == (3, [])
        real = system.run("reconcile")
    assert (real.status, system.due("asks")) == (3, [f":{charge(1)['id']}"])
    assert last_command(real) == "dead-letters list"


def test_what_is_not_to_be_adopted_is_unknown(system: System) -> None:
    with worker(system, listing(charge(1)), adopt=False):
        answer = system.run(f"reconcile --app {APP}")
    assert (answer.status, told(system)) == (3, [])
    assert "SWEEP_ADOPTS" in answer.out


def test_a_refusal_of_pingpp_ends_it_at_once_as_a_dead_letter(system: System) -> None:
    with worker(system, refusing):
        answer = system.run(f"reconcile --app {APP}")
    assert (answer.status, answer.out) == (1, "")
    assert "no such app" in answer.err
    retry = last_command(answer)
    (letter,) = system.run("dead-letters list --json").json
    assert (retry, letter["reason"]) == (f"dead-letters retry {letter['id']}", "sweep_failed")
    report = letter["member"].removeprefix("run:")
    shown = system.run(f"reports show {report}")
    assert shown.status == 1
    assert "no such app" in shown.err
    assert "It has not ended yet." in shown.out
    with worker(system, listing(charge(1))):
        system.run(retry)
        until(lambda: system.run(f"reports show {report} --json").json["ended_at"])
    assert told(system) == ["paid:order00000001"]


def test_one_whose_dead_letter_was_discarded_is_gone(system: System) -> None:
    with worker(system, refusing):
        system.run(f"reconcile --app {APP}")
    (letter,) = system.run("dead-letters list --json").json
    system.run(f"dead-letters discard {letter['id']}")
    answer = system.run(f"reports show {letter['member'].removeprefix('run:')}")
    assert (answer.status, answer.out) == (1, "")


def test_it_does_not_wait_for_what_fails_again_and_again(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def broken(*_: Any) -> Progress:
        raise RuntimeError("a mistake of ours")

    monkeypatch.setattr("payments.due._DELAYS", (0.01,))
    monkeypatch.setattr(sweep, "sweep", broken)
    with worker(system, listing()):
        answer = system.run(f"reconcile --app {APP}")
    assert answer.status == 1
    assert "The comparison failed 3 times: RuntimeError('a mistake of ours')" in answer.err
    assert system.run(last_command(answer)).status in {0, 1}  # under way, or a dead letter by now


def test_without_a_worker_it_is_withdrawn(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "TAKEN_WITHIN_S", 0.2)
    answer = system.run(f"reconcile --app {APP}")
    assert answer.status == 1
    assert "withdrawn" in answer.err
    assert "scheduler" in answer.err
    assert system.due(SWEEPS) == []
    assert not list(system.client.scan_iter("sweep:*"))


def test_while_the_worker_is_at_another_sweep_it_waits(
    system: System, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile, "TAKEN_WITHIN_S", 0.2)
    keys = system.keys
    seconds, micros = system.client.time()
    in_hand = seconds * 1000 + micros // 1000 + 900
    system.client.zadd(keys.due(SWEEPS), {f"reconcile:{APP}": in_hand})
    system.client.hset(keys.attempts(SWEEPS), f"reconcile:{APP}", f"1 {in_hand} ")
    began = time.monotonic()
    assert system.run("reconcile").status == 1
    assert time.monotonic() - began > 0.7


def test_what_was_begun_is_not_withdrawn(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reconcile, "TAKEN_WITHIN_S", 0.2)
    asked = reports.request

    def and_claimed(store: Store, id_: str, wanted: Progress) -> None:
        asked(store, id_, wanted)
        store.client.zadd(store.keys.due(SWEEPS), {f"run:{id_}": 1})  # by a worker that died long ago

    monkeypatch.setattr(reports, "request", and_claimed)
    answer = system.run(f"reconcile --app {APP}")
    assert answer.status == 1
    assert "it waits, and goes on as soon as one does" in answer.err
    assert len(system.due(SWEEPS)) == 1


def test_somebody_ends_it_meanwhile(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reports, "request", lambda *_: None)
    answer = system.run(f"reconcile --app {APP}")
    assert answer.status == 1
    assert "It was ended" in answer.err


def test_ctrl_c_leaves_it_to_the_workers(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(run, "standing", interrupted)
        answer = system.run(f"reconcile --app {APP}")
    assert answer.status == 130
    assert "The workers go on with it." in answer.err
    show = last_command(answer)
    under_way = system.run(show)
    assert under_way.status == 0
    assert "It has not ended yet." in under_way.out
    assert system.run(f"{show} --json").json["ended_at"] is None
    with worker(system, listing(charge(1))):
        until(lambda: "did not match, and do now" in system.run(show).out)


def test_a_redis_that_is_started_again_is_waited_for(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    standing, times = run.standing, iter(range(100))

    def now_and_then(*given: Any) -> Any:
        if next(times) < 3:
            raise RedisAway("refused")
        return standing(*given)

    monkeypatch.setattr(run, "standing", now_and_then)
    with worker(system, listing()):
        assert system.run(f"reconcile --app {APP}").status == 0
    monkeypatch.setattr(reconcile, "_AWAY_S", -1)
    monkeypatch.setattr(run, "standing", lambda *_: (_ for _ in ()).throw(RedisAway("refused")))
    assert system.run(f"reconcile --app {APP}").status == 2


def test_without_a_known_app_it_says_what_to_set(system: System) -> None:
    answer = system.run("reconcile")
    assert (answer.status, answer.out) == (2, "")
    assert "PINGPP_APP_IDS" in answer.err


@pytest.mark.parametrize("known", ["due", "swept", "payments"])
def test_of_several_apps_one_has_to_be_named(system: System, known: str) -> None:
    keys, client = system.keys, system.client
    for app in (APP, "app_2"):
        if known == "due":
            client.zadd(keys.due(SWEEPS), {f"discover:{app}": 2**53, "run:20260101T000000-abc": 2**53})
        elif known == "swept":
            client.set(keys.swept("reconcile", app), NOW)
            client.set(keys.swept("day", app), "2026-01-01")
        else:
            client.zadd(keys.payments, {f"{app}:order1": NOW})
    answer = system.run("reconcile")
    assert answer.status == 2
    assert "pingpp-ingest reconcile --app app_2" in answer.err
    assert "No app app_3 is known here" in system.run("reconcile --app app_3").err
    with worker(system, listing(charge(1), charge(2, app="app_2"))):
        assert system.run("reconcile --app app_2 --json").json["app"] == "app_2"
    assert told(system) == ["paid:order00000002"]


def test_the_apps_that_are_swept_now_are_those_that_count(system: System) -> None:
    system.client.zadd(system.keys.due(SWEEPS), {f"discover:{APP}": 2**53})
    system.client.set(system.keys.swept("discover", "app_of_old"), NOW)
    with worker(system, listing()):
        assert system.run("reconcile --json").json["app"] == APP


@pytest.mark.parametrize(
    "option",
    [
        "--since yesterday", "--since 24", "--until 2023-11-14T22:13:20", "--since 2023-13-01", "--since ''",
        "--since -1h", "--since 1h --until 2h", "--since 2023-11-15 --until 2023-11-15",
    ],
)  # fmt: skip
def test_what_is_no_point_in_time_or_no_window_is_refused(system: System, option: str) -> None:
    answer = system.run(f"reconcile --app {APP} {option}")
    assert (answer.status, answer.out, system.due(SWEEPS)) == (2, "", [])


@pytest.mark.parametrize(
    ("found", "dry", "real"),
    [
        ({}, 0, 0), ({"adopted": 1}, 0, 0), ({"updated": 1}, 0, 0), ({"missed": 1}, 3, 0), ({"refunds": 1}, 3, 0),
        ({"disputed": 1}, 3, 3), ({"unknown": 1}, 3, 3), ({"missed": 1, "disputed": 1}, 3, 3),
    ],
)  # fmt: skip
def test_the_exit_status(found: dict[str, int], dry: int, real: int) -> None:
    report = replace(REPORT, **found)
    assert reconcile.status(report) == real
    assert reconcile.status(replace(report, dry_run=True)) == dry


def test_what_is_said_meanwhile() -> None:
    one = replace(REPORT, compared=200, calls=2)
    said = reconcile._said
    assert said(one, run.Standing(begun=True)) == "200 charges compared, 2 calls"
    away = run.Standing(begun=True, error="Ping++ was not reached")
    assert said(one, away).endswith("2 calls; it waits: Ping++ was not reached")
    assert "it failed: \\x1b[0m" in said(one, run.Standing(begun=True, attempts=2, error="\x1b[0m"))
    assert "no worker has taken it yet" in said(one, run.Standing())
    assert "at another sweep" in said(one, run.Standing(others_run=True))
