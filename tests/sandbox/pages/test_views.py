"""What the page shows of a charge."""

from typing import Any

import pytest

from sandbox.pages.views import moment, money, row, state
from tests.sandbox.kit import ISV, SCAN, Rig

NOW = 1_700_000_000
CHARGE: dict[str, Any] = {
    "channel": "alipay_qr", "paid": False, "reversed": False, "amount": 100, "amount_refunded": 0, "failure_code": None,
    "time_expire": NOW + 1,
}  # fmt: skip


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "open"),
        ({"channel": "isv_scan"}, "password"),
        ({"time_expire": NOW}, "expired"),
        ({"failure_code": "x"}, "given_up"),
        ({"paid": True}, "paid"),
        ({"paid": True, "time_expire": NOW}, "paid"),
        ({"paid": True, "amount_refunded": 40}, "partly_refunded"),
        ({"paid": True, "amount_refunded": 100}, "refunded"),
        ({"reversed": True}, "closed"),
        ({"paid": True, "reversed": True}, "given_back"),
    ],
)
def test_the_state_of_a_charge(changes: dict[str, Any], shown: str) -> None:
    assert state({**CHARGE, **changes}, NOW) == shown


def test_amounts_and_times_for_people() -> None:
    assert [money(*one) for one in ((123_456, "cny"), (5, "usd"), (1234, "jpy"))] == [
        "1,234.56 CNY",
        "0.05 USD",
        "1,234 JPY",
    ]
    assert moment(NOW)[:8] == "2023-11-"
    assert len(moment(NOW)) == len("2023-11-14 22:13:20")


@pytest.mark.anyio
async def test_a_row_says_who_can_pay_it_and_with_what(rig: Rig) -> None:
    open_ = row(rig.world, await rig.create())
    assert (open_.state, open_.amount, open_.wallet, open_.at_till) == ("open", "1.00 CNY", "alipay", False)
    assert (open_.payable, open_.refundable, open_.paid) == (True, False, "")
    assert open_.credential.startswith("https://qr.alipay.com/")
    paid = row(rig.world, await rig.paid(order_no="2"))
    assert (paid.payable, paid.refundable, paid.refunds) == (False, True, [])
    assert paid.paid


@pytest.mark.anyio
@pytest.mark.parametrize(("wallet", "shown"), [("wx", "wx"), ("bfb", "bfb"), ("wz", "")])
async def test_the_wallet_of_an_isv_channel_is_the_one_that_was_named(
    rig: Rig, wallet: str, shown: str
) -> None:
    charge = await rig.create(channel="isv_qr", extra={**ISV, "pay_channel": wallet})
    assert row(rig.world, charge).wallet == shown


@pytest.mark.anyio
async def test_a_code_that_was_given_up_is_used_up_at_the_till_alone(rig: Rig) -> None:
    poster = {**await rig.create(), "failure_code": "x"}
    till = {**poster, "channel": "isv_scan", "credential": {}, "extra": SCAN}
    assert (row(rig.world, poster).payable, row(rig.world, till).payable) == (True, False)


@pytest.mark.anyio
async def test_refunds_are_listed_with_their_amounts(rig: Rig) -> None:
    charge = await rig.paid()
    await rig.post(f"/v1/charges/{charge['id']}/refunds", {"description": "x", "amount": 40})
    found = row(rig.world, await rig.get(f"/v1/charges/{charge['id']}"))
    assert [(one["status"], amount) for one, amount in found.refunds] == [("pending", "0.40 CNY")]
