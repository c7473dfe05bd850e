"""The codes that a customer shows at the sandbox's till."""

from typing import Any

import httpx
import pytest

from sandbox.objects.scan import ANSWER_LOST, EXAMPLES, PASSWORD, PASSWORD_UNPAID, REFUSED
from tests.patience import until_async
from tests.sandbox.kit import APP, TEST_KEY, Rig, order

pytestmark = pytest.mark.anyio

CHANNELS = ["alipay_scan", "wx_pub_scan", "cb_alipay_scan", "cb_wx_pub_scan", "upacp_scan", "isv_scan"]


def scan(kind: str = "", channel: str = "isv_scan", **changes: Any) -> dict[str, Any]:
    code = EXAMPLES[kind] if kind else "131141564583769183"
    extra: dict[str, Any] = {"scan_code": code, "terminal_id": "T0000001"}
    if channel == "cb_wx_pub_scan":
        extra["goods_list"] = [{"goods_name": "tea", "goods_num": "1"}]
    currency = "hkd" if channel.startswith("cb_") else "cny"
    return {"channel": channel, "currency": currency, "extra": extra, **changes}


async def listed(rig: Rig) -> list[Any]:
    found: list[Any] = (await rig.get("/v1/charges", params={"app[id]": APP}))["data"]
    return found


def test_the_codes_are_what_a_till_can_read() -> None:
    assert len({*EXAMPLES}) == 4
    for beginning, code in EXAMPLES.items():
        assert code.isdigit()
        assert len(code) == 18
        assert code.startswith(beginning)
        assert beginning not in {"10", "11", "12", "13", "14", "15", "25", "26", "27", "28", "29", "30", "62"}


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_password_leaves_a_charge_that_can_be_found_and_paid(rig: Rig, channel: str) -> None:
    answer = await rig.create(status=402, **scan(PASSWORD, channel, metadata={"attempt": "a1"}))
    assert answer["error"]["type"] == "channel_error"
    assert answer["error"]["code"] == "channel_request_error"
    (charge,) = await listed(rig)
    assert (charge["paid"], charge["metadata"], charge["credential"]) == (False, {"attempt": "a1"}, {})
    assert rig.receiver.bodies == []
    paid = await rig.post(f"/sandbox/charges/{charge['id']}/pay")
    assert paid["paid"] is True
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    assert rig.receiver.events[0]["data"]["object"] == paid


async def test_a_password_may_also_be_told_by_a_charge_that_is_not_paid(rig: Rig) -> None:
    charge = await rig.create(**scan(PASSWORD_UNPAID))
    assert (charge["paid"], charge["failure_code"]) == (False, None)
    assert rig.receiver.bodies == []
    assert (await rig.post(f"/sandbox/charges/{charge['id']}/pay"))["paid"] is True


async def test_while_a_password_is_awaited_the_charge_can_be_closed(rig: Rig) -> None:
    await rig.create(status=402, **scan(PASSWORD))
    (charge,) = await listed(rig)
    assert (await rig.post(f"/v1/charges/{charge['id']}/reverse"))["reversed"] is True
    assert (await rig.post(f"/sandbox/charges/{charge['id']}/pay", status=409))["code"] == "reversed"


async def test_a_repeated_create_gets_the_charge_that_awaits_its_password(rig: Rig) -> None:
    await rig.create(status=402, **scan(PASSWORD))
    (charge,) = await listed(rig)
    assert await rig.create(**scan(PASSWORD)) == charge


@pytest.mark.parametrize("channel", CHANNELS)
async def test_a_refused_code_leaves_nothing(rig: Rig, channel: str) -> None:
    answer = await rig.create(status=402, **scan(REFUSED, channel))
    assert answer["error"]["type"] == "channel_error"
    assert answer["error"]["code"] == "channel_response_code_fail"
    assert await listed(rig) == []
    # The order number is still free, for another code.
    assert (await rig.create(**scan(channel=channel)))["paid"] is True


async def test_an_answer_that_is_lost_is_one_of_a_charge_that_is_paid(rig: Rig) -> None:
    with pytest.raises(httpx.RemoteProtocolError):
        await rig.http.post("/v1/charges", json=order(**scan(ANSWER_LOST)), headers=TEST_KEY)
    (charge,) = await listed(rig)
    assert charge["paid"] is True
    await until_async(lambda: len(rig.receiver.bodies) == 1)
    assert rig.receiver.events[0]["data"]["object"] == charge
    assert await rig.create(**scan(ANSWER_LOST)) == charge


@pytest.mark.parametrize("kind", ["", *EXAMPLES])
async def test_the_codes_mean_nothing_on_channels_without_a_scanner(rig: Rig, kind: str) -> None:
    extra = {"scan_code": EXAMPLES.get(kind, "131141564583769183")}
    assert (await rig.create(extra=extra))["paid"] is False


@pytest.mark.parametrize(
    ("channel", "code", "status"),
    [
        ("isv_scan", "1" * 32, 200),
        ("isv_scan", "1" * 33, 400),
        ("wx_pub_scan", "1" * 64, 200),
        ("wx_pub_scan", "1" * 65, 400),
        ("wx_pub_scan", "13114 1564", 400),
        ("wx_pub_scan", 131141564583769183, 400),
    ],
)
async def test_a_code_has_bounds(rig: Rig, channel: str, code: Any, status: int) -> None:
    extra = {"scan_code": code, "terminal_id": "T0000001"}
    answer = await rig.create(status=status, channel=channel, extra=extra)
    if status == 400:
        assert answer["error"]["param"] == "extra[scan_code]"
