"""Payments are listed and shown as the merchant API does; who the buyer is stays withheld."""

import pytest

from payments.currency import money
from tests.conftest import charge_object, event_body, refund_object, sample
from tests.ops.cli.conftest import System

APP = "app_1Gqj58ynP0mHeX1q"


def test_none_yet(system: System) -> None:
    assert system.run("payments list --json").json == []
    answer = system.run("payments list")
    assert (answer.status, answer.out) == (0, "")
    assert "trigger charge.succeeded" in answer.err


def test_the_list_shows_the_newest_first(system: System) -> None:
    for number in (1, 2, 3):
        system.apply(event_body(charge_object(number, amount=123456)))
    listed = system.run("payments list --json").json
    assert [one["order_no"] for one in listed] == ["order00000003", "order00000002", "order00000001"]
    assert (listed[0]["status"], listed[0]["amount"], listed[0]["currency"]) == ("paid", 123456, "cny")
    table = system.run("payments list --limit 2")
    assert "1,234.56 CNY" in table.out
    assert "order00000002" in table.out
    assert "order00000001" not in table.out


def test_show_has_charges_and_refunds(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    system.apply(event_body(refund_object(1), "refund.succeeded"))
    document = system.run("payments show order00000001 --json").json
    assert document["status"] == "partially_refunded"
    assert document["amount_refunded"] == 40
    assert document["paid_at"] == "2023-11-14T22:14:20Z"
    assert document["charges"][0]["transaction_no"] == f"20160323{1:012d}"
    assert document["refunds"][0]["status"] == "succeeded"
    table = system.run("payments show order00000001")
    assert f"ch_{1:024d}" in table.out
    assert f"re_{1:024d}" in table.out
    assert "0.40 CNY" in table.out


@pytest.mark.parametrize(
    ("channel", "order_no", "buyer"),
    [
        ("wx_pub_qr", "123456789", "o9zpMs7Xk9e9aJbTXgufovuWGp7c"),
        ("isv_qr", "149572338024366", "omYJse9x8w2TzmrxnUtrfr7qWhwc"),
    ],
)
def test_the_buyer_only_with_raw(system: System, channel: str, order_no: str, buyer: str) -> None:
    system.apply(sample(channel))
    for line in ("list", "list --json", f"show {order_no}", f"show {order_no} --json"):
        assert buyer not in system.run(f"payments {line}").all
    assert "(withheld)" in system.run(f"payments show {order_no}").out
    assert buyer in system.run(f"payments show {order_no} --raw").out
    assert buyer in system.run("payments list --raw --json").out
    shop = {"wx_pub_qr": ("product_id", "testlab1pingxx"), "isv_qr": ("terminal_id", "T0000001")}[channel]
    document = system.run(f"payments show {order_no} --json").json
    assert document["charges"][0]["extra"][shop[0]] == shop[1]


def test_an_order_number_of_several_apps_needs_the_app(system: System) -> None:
    system.apply(
        event_body(charge_object(1)), event_body(charge_object(2, app="app_2", order_no="order00000001"))
    )
    answer = system.run("payments show order00000001")
    assert (answer.status, answer.out) == (1, "")
    for app in (APP, "app_2"):
        assert f"pingpp-ingest payments show --app {app} -- order00000001" in answer.err
    assert system.run("payments show --json --app app_2 -- order00000001").json["app"] == "app_2"


@pytest.mark.parametrize("order_no", ["a*b", "a:b", "-x", "[a]", "a b"])
def test_any_order_number_is_found(system: System, order_no: str) -> None:
    system.apply(
        event_body(charge_object(1, order_no=order_no)), event_body(charge_object(2, order_no="aXb"))
    )
    assert system.run(f"payments show --json -- '{order_no}'").json["order_no"] == order_no


def test_an_unknown_one_is_said_plainly(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    for line in ("show order", "show order00000001 --app app_x", "show '*'"):
        answer = system.run(f"payments {line}")
        assert (answer.status, answer.out) == (1, "")
        assert "There is no payment" in answer.err


def test_what_a_later_release_wrote_is_left_out(system: System) -> None:
    system.apply(event_body(charge_object(1)), event_body(charge_object(2)))
    key = f"payment:{APP}:order00000001"
    value = system.client.get(key)
    assert isinstance(value, bytes)
    system.client.set(key, value.replace(b'"schema":1', b'"schema":2'))
    answer = system.run("payments list --json")
    assert [one["order_no"] for one in answer.json] == ["order00000002"]
    assert "later release" in answer.err


@pytest.mark.parametrize(
    ("amount", "currency", "written"),
    [
        (100, "cny", "1.00 CNY"),
        (1, "cny", "0.01 CNY"),
        (0, "usd", "0.00 USD"),
        (-9, "cny", "-0.09 CNY"),
        (123456789, "hkd", "1,234,567.89 HKD"),
        (500, "jpy", "500 JPY"),
        (1234, "kwd", "1.234 KWD"),
        (100, None, "1.00"),
        (None, "cny", ""),
        ("12", "cny", "12 CNY"),
    ],
)
def test_money_is_written_by_its_currency(amount: object, currency: object, written: str) -> None:
    assert money(amount, currency) == written
