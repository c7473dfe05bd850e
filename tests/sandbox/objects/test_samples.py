"""Plausible objects for the events that are about neither a charge nor a refund."""

import re

import pytest

from sandbox.objects.samples import make, new_object_id

NOW = 1_700_000_000


@pytest.mark.parametrize(
    ("type_", "name", "id_"),
    [
        ("summary.daily.available", "app_summary", r"sum_\w{24}"),
        ("account.summary.available", "account_summary", r"sum_\w{24}"),
        ("transfer.failed", "transfer", r"tr_\w{24}"),
        ("batch_transfer.succeeded", "batch_transfer", r"2\d{17}"),
        ("order.succeeded", "order", r"2\d{17}"),
        ("recharge.succeeded", "recharge", r"2\d{17}"),
        ("recharge.refund.succeeded", "refund", r"re_\w{24}"),  # the longest beginning that fits
        ("brand_new.thing", "brand_new", r"obj_\w{24}"),
    ],
)
def test_the_type_says_what_an_object_is_called(type_: str, name: str, id_: str) -> None:
    made = make(type_, "id_1", app="app_1", livemode=True, now=NOW)
    assert [made[one] for one in ("id", "object", "created", "livemode", "app")] == [
        "id_1",
        name,
        NOW,
        True,
        "app_1",
    ]
    assert re.fullmatch(id_, new_object_id(type_))


def test_a_summary_is_of_the_day_before() -> None:
    made = make("summary.daily.available", "sum_1", app="app_1", livemode=True, now=NOW)
    assert (made["summary_from"], made["summary_to"]) == (1_699_833_600, 1_699_919_999)
    assert "amount" not in made


@pytest.mark.parametrize(("type_", "well"), [("transfer.succeeded", True), ("transfer.failed", False)])
def test_how_it_ended(type_: str, well: bool) -> None:
    made = make(type_, "tr_1", app="app_1", livemode=False, now=NOW)
    assert made["status"] == type_.partition(".")[2]
    assert (made["time_succeeded"] == NOW, made["failure_msg"] is None) == (well, well)


def test_orders_have_the_number_of_the_merchant() -> None:
    made = make("order.refunded", "2", app="app_1", livemode=False, now=NOW)
    assert re.fullmatch(r"20231115\d{8}", made["merchant_order_no"])
    assert (made["paid"], made["refunded"]) == (True, True)
