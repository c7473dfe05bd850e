"""The one file of the sandbox: what is kept outlives it, and a page leads to the next."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.clock import Clock
from sandbox.listing import Filter, Page
from sandbox.store import Store


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    opened = Store(tmp_path / "sandbox.sqlite")
    yield opened
    opened.close()


def charge(number: int, **changes: Any) -> dict[str, Any]:
    return {
        "id": f"ch_{number}", "livemode": False, "app": "app_1", "created": 1000 + number // 2, "channel": "alipay_qr",
        "order_no": "o1", "paid": False, "refunded": False, "reversed": False, **changes,
    }  # fmt: skip


def refund(number: int, **changes: Any) -> dict[str, Any]:
    return {"id": f"re_{number}", "charge": "ch_1", "created": 1000, **changes}


def test_what_is_kept_outlives_the_program(tmp_path: Path) -> None:
    first = Store(tmp_path / "sandbox.sqlite")
    first.save_charge(charge(1))
    first.save_refund(refund(1), settle_at=5.0)
    first.save_clock(Clock(1.0, 2.0, 3.0, 4.0))
    first.close()
    again = Store(tmp_path / "sandbox.sqlite")
    assert (again.charge("ch_1"), again.refund_by_id("re_1")) == (charge(1), refund(1))
    assert (again.clock().state(), again.clock().advanced) == ((1.0, 2.0, 3.0), 4.0)
    again.close()


def test_a_charge_that_changed_keeps_its_place(store: Store) -> None:
    for number in (1, 2):
        store.save_charge(charge(number))
    store.save_charge(charge(1, paid=True))
    assert store.charge("ch_1") == charge(1, paid=True)
    assert [one["id"] for one in store.newest_charges(10)] == ["ch_2", "ch_1"]
    assert store.newest_charges(10, "other") == []
    assert [one["id"] for one in store.charges_of_order("o1", "alipay_qr")] == ["ch_2", "ch_1"]
    assert store.charges_of_order("o1", "wx_pub_qr") == []
    assert store.charge("ch_9") is None


def ids(found: tuple[list[dict[str, Any]], bool] | None) -> tuple[list[str], bool]:
    assert found is not None
    return [one["id"] for one in found[0]], found[1]


def test_pages_are_newest_first_and_lead_both_ways(store: Store) -> None:
    for number in range(1, 6):  # two of each second
        store.save_charge(charge(number, paid=number == 3))
    app = [Filter("app", "=", "app_1")]
    assert ids(store.page("charges", app, Page(2))) == (["ch_5", "ch_4"], True)
    assert ids(store.page("charges", app, Page(2, starting_after="ch_4"))) == (["ch_3", "ch_2"], True)
    assert ids(store.page("charges", app, Page(2, starting_after="ch_2"))) == (["ch_1"], False)
    assert ids(store.page("charges", app, Page(2, ending_before="ch_2"))) == (["ch_4", "ch_3"], True)
    assert ids(store.page("charges", app, Page(9, ending_before="ch_3"))) == (["ch_5", "ch_4"], False)
    assert store.page("charges", app, Page(2, starting_after="ch_9")) is None
    assert ids(store.page("charges", [*app, Filter("paid", "=", value=True)], Page(9))) == (["ch_3"], False)


def test_the_open_refund_that_ends_first_comes_first(store: Store) -> None:
    assert store.next_refund() is None
    for number, at in ((1, 9.0), (2, 5.0), (3, None)):
        store.save_refund(refund(number), settle_at=at)
    assert store.next_refund() == (5.0, refund(2))
    store.save_refund(refund(2, status="succeeded"), settle_at=None)
    assert store.next_refund() == (9.0, refund(1))
    assert store.refund("ch_1", "re_2") == refund(2, status="succeeded")
    assert store.refund("ch_2", "re_2") is None
    assert [one["id"] for one in store.refunds_of("ch_1")] == ["re_3", "re_2", "re_1"]
    assert [one["id"] for one in store.newest_refunds(1)] == ["re_3"]


def test_a_number_does_not_come_back_after_a_reset(store: Store) -> None:
    store.save_charge(charge(1))
    store.empty("charges")
    store.save_charge(charge(2))
    assert store.charge("ch_1") is None
    assert store.db.execute("SELECT seq FROM charges").fetchall() == [(2,)]
