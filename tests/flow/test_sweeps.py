"""Charges that no webhook tells of: found by sweeps, and the books compared with what Ping++ lists."""

import json
import os
import signal
import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import redis

from tests.flow import books
from tests.flow.kit import ALL, System, running
from tests.patience import PATIENCE_S, until

APP = "app_1Gqj58ynP0mHeX1q"
DISCOVER_EVERY = 1
MONTH = 30 * 86_400
NOWHERE = "http://127.0.0.1:9/webhooks"  # nobody listens
PAGES = 15


@pytest.fixture(scope="module")
def discovering(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One that looks for charges made elsewhere each second, and gets no webhook."""
    with running(
        tmp_path_factory.mktemp("discovering"), *ALL,
        PINGPP_APP_IDS=APP, DISCOVER_EVERY=str(DISCOVER_EVERY), RECONCILE_EVERY="0",
    ) as system:  # fmt: skip
        system.sandbox("PUT", "/chaos", {"drop": 1})
        first_sweep(system)
        yield system


@pytest.fixture(scope="module")
def asked_only(tmp_path_factory: pytest.TempPathFactory) -> Iterator[System]:
    """One that sweeps only when somebody asks for it, and gets no webhook."""
    with running(
        tmp_path_factory.mktemp("asked"), *ALL,
        PINGPP_APP_IDS=APP, DISCOVER_EVERY="0", RECONCILE_EVERY="3600", SANDBOX_WEBHOOK_URL=NOWHERE,
    ) as system:  # fmt: skip
        system.sandbox("PUT", "/clock", {"scale": 0.001})  # what failed is not sent again during these tests
        first_sweep(system, "reconcile")
        yield system


def first_sweep(system: System, kind: str = "discover") -> None:
    """Wait for it: it comes when the worker is ready."""
    with system.redis() as client:
        until(lambda: client.exists(f"swept:{kind}:{APP}"), "the first sweep has ended")


def create(system: System, order_no: str) -> str:
    """A charge that the merchant's own code makes."""
    request = {
        "order_no": order_no, "app": {"id": APP}, "channel": "alipay_qr", "amount": 100, "currency": "cny",
        "subject": "Tea", "body": "A box of tea", "client_ip": "127.0.0.1",
    }  # fmt: skip
    charge: str = system.gateway("POST", "/v1/charges", request)["id"]
    return charge


def pay(system: System, charge: str) -> None:
    system.sandbox("POST", f"/charges/{charge}/pay")


def paid_elsewhere(system: System, count: int, prefix: str) -> set[str]:
    """So many charges made and paid elsewhere; the ids of the messages that they are worth."""
    found: set[str] = set()
    while len(found) < count:
        batch = {"count": min(1000, count - len(found)), "order_prefix": prefix, "app": APP, "livemode": True}
        made = system.sandbox("POST", "/trigger", batch)["events"]
        until(partial(is_made, system, made[-1]["order_no"]), "all are made")
        found |= {f"paid:{one['order_no']}" for one in made}
    return found


def is_made(system: System, order_no: str) -> bool:
    return bool(system.sandbox("GET", f"/charges?order_no={order_no}")["charges"])


def swept_until(client: redis.Redis) -> int:
    """The second up to which everything was found."""
    mark: Any = client.get(f"swept:discover:{APP}")
    return int(mark)


def known(client: redis.Redis, charge: str) -> bool:
    """Whether it is under care: tied to a payment of the books."""
    return bool(client.exists(f"charge:{charge}"))


def told(client: redis.Redis, orders: list[str]) -> Counter[str]:
    wanted = {f"paid:{order_no}" for order_no in orders}
    return Counter({id_: n for id_, n in books.ids(client).items() if id_ in wanted})


@contextmanager
def paused(pid: int) -> Iterator[None]:
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def test_charges_made_elsewhere_come_under_care_without_any_webhook(discovering: System) -> None:
    system = discovering
    orders = [f"elsewhere{n:03}" for n in range(20)]
    with system.redis() as client:
        made: dict[str, int] = {}
        for n, order_no in enumerate(orders):
            charge = create(system, order_no)
            made[charge] = int(time.time())
            if n % 2:
                pay(system, charge)

        def all_known() -> bool:
            mark = swept_until(client)
            unknown = [charge for charge in made if not known(client, charge)]
            assert all(made[charge] >= mark for charge in unknown), "a sweep passed one over"
            return not unknown

        until(all_known, "all are under care")
        for charge in list(made)[::2]:
            pay(system, charge)
        until(lambda: len(told(client, orders)) == 20, "all are fulfilled")
        now = int(time.time())
        until(lambda: swept_until(client) > now + DISCOVER_EVERY, "the next sweeps see all of them again")
        assert told(client, orders) == {f"paid:{order_no}": 1 for order_no in orders}
        assert all(one["data"]["sources"] == ["list"] for one in system.messages())
        books.check_agreement(client)


def test_a_charge_that_a_webhook_tells_of_hides_no_older_one(discovering: System) -> None:
    system = discovering
    orders = [f"older{n:03}" for n in range(5)]
    with system.redis() as client:
        with paused(system.rq_workers("sweeps")[0]):
            older = [create(system, order_no) for order_no in orders]
            time.sleep(1.1)  # they are older by Ping++'s seconds, too
            newer = create(system, "newer001")
            system.sandbox("PUT", "/chaos", {"drop": 0})
            pay(system, newer)
            until(lambda: "paid:newer001" in books.ids(client), "its webhook came")
            system.sandbox("PUT", "/chaos", {"drop": 1})
            assert not any(known(client, charge) for charge in older)
        until(lambda: all(known(client, charge) for charge in older), "the older ones are found")
        for charge in older:
            pay(system, charge)
        until(lambda: len(told(client, orders)) == 5, "all are fulfilled")
        sources = {one["subject"]: one["data"]["sources"] for one in system.messages()}
        assert sources["newer001"] == ["webhook"]
        books.check_agreement(client)


def test_a_first_start_publishes_nothing_of_old(tmp_path: Path) -> None:
    count = 300
    with running(
        tmp_path, "redis", "sandbox",
        PINGPP_APP_IDS=APP, DISCOVER_EVERY=str(DISCOVER_EVERY), SANDBOX_WEBHOOK_URL=NOWHERE,
    ) as system:  # fmt: skip
        system.sandbox("PUT", "/clock", {"scale": 0.001})
        old = paid_elsewhere(system, count, "old")
        grow_older(system, MONTH, count)
        time.sleep(1.1)
        system.start_and_wait("receiver", "worker", "scheduler")
        first_sweep(system)
        with system.redis() as client:
            charge = create(system, "new000001")
            pay(system, charge)
            until(lambda: "paid:new000001" in books.ids(client), "what is new is published")
            yesterday = client.zcard("payments") - 1
            assert 5 <= yesterday <= 15  # the first sweep looks back for a day
            report = system.cli_json("reconcile", "--since", "32d")
            assert (report["matches"], report["adopted"], report["missed"]) == (True, count - yesterday, 0)
            assert (report["compared"], report["calls"]) == (count + 1, 5)  # four pages, and older refunds
            assert client.zcard("payments") == count + 1
            assert books.ids(client) == {"paid:new000001": 1}
            payments = system.cli_json("payments", "list", "--limit", "1000")
            assert Counter(one["status"] for one in payments) == {"paid": count + 1}
            assert {f"paid:{one['order_no']}" for one in payments} == old | {"paid:new000001"}


def grow_older(system: System, seconds: int, count: int) -> None:
    """Spread what the sandbox has over the time before: it lets nobody make a charge of last month."""
    path = system.directory / "data/sandbox/sandbox.sqlite"
    with closing(sqlite3.connect(path, timeout=PATIENCE_S)) as db, db:
        for seq, doc in db.execute("SELECT seq, doc FROM charges").fetchall():
            charge, back = json.loads(doc), seq * seconds // count
            charge = {**charge, "created": charge["created"] - back, "time_paid": charge["time_paid"] - back}
            db.execute(
                "UPDATE charges SET created = ?, doc = ? WHERE seq = ?",
                (charge["created"], json.dumps(charge).encode(), seq),
            )


def test_reconcile_tells_by_its_status_whether_the_books_match(asked_only: System) -> None:
    system = asked_only
    assert system.cli_json("reconcile", "--dry-run")["matches"]
    wanted = paid_elsewhere(system, 3, "differ")
    report = system.cli_json("reconcile", "--dry-run", status=3)
    assert (report["compared"], report["missed"], report["repaired"]) == (3, 3, 0)
    assert system.messages() == []
    assert "The books do not match." in system.cli("reconcile", "--dry-run", status=3)
    report = system.cli_json("reconcile")
    assert (report["matches"], report["repaired"], report["disputed"]) == (False, 3, 0)
    with system.redis() as client:
        assert books.ids(client) == dict.fromkeys(wanted, 1)
        books.check_agreement(client)
    assert "The books match." in system.cli("reconcile", "--dry-run")


def test_a_worker_killed_in_the_middle_goes_on_where_it_was(asked_only: System) -> None:
    system, count = asked_only, 100 * PAGES
    before = {one["id"] for one in system.messages()}
    wanted = paid_elsewhere(system, count, "killed")
    total = count + len(before)
    slow = {"do": "delay_answer", "method": "GET", "path": "/v1/charges$", "delay_ms": 250, "times": PAGES}
    system.sandbox("POST", "/next", slow)
    with system.redis() as client, system.begin("reconcile", "--json") as command:
        until(lambda: compared(client) >= 400, "it is under way")
        os.kill(system.rq_workers("sweeps")[0], signal.SIGKILL)
        left_off = compared(client)
        assert 400 <= left_off < count
        assert command.poll() is None
        # Its lease would end within a minute.
        client.zadd("due:sweeps", dict.fromkeys(running_sweeps(client), 0), xx=True)
        out, err = command.communicate(timeout=PATIENCE_S)
        assert command.returncode == 0, err
        report = json.loads(out)
        print(f"killed after {left_off}; {report}")
        assert report["compared"] == total
        assert report["seconds"] >= 3
        # What it had recorded and not counted when it was killed, a page at the most, is `equal` to the next one.
        assert report["equal"] + report["missed"] == total
        assert count - 100 <= report["missed"] <= count
        assert (report["disputed"], report["unknown"], report["calls"]) == (0, 0, -(-total // 100) + 1)
        assert books.ids(client) == dict.fromkeys(before | wanted, 1)
        books.check_agreement(client)
        assert system.cli_json("reports", "show", report["id"]) == report


def running_sweeps(client: redis.Redis) -> list[str]:
    return [key.decode().removeprefix("sweep:") for key in client.scan_iter("sweep:run:*")]


def compared(client: redis.Redis) -> int:
    """How many charges the run that is under way has compared."""
    found: Any = [client.get(f"sweep:{member}") for member in running_sweeps(client)]
    return sum(json.loads(one)["compared"] for one in found if one)
