"""What a row of the table says of a channel: how it is watched, and what of it can be reversed."""

import pytest

from payments.channels.table import find

HOUR, DAY = 3_600, 86_400
NOW = 1_700_000_000
NAMES = (
    *("alipay_qr", "wx_pub_qr", "cb_alipay_qr", "cb_wx_pub_qr", "upacp_qr", "ccb_qr", "isv_qr", "isv_wap"),
    *("isv_scan", "alipay_scan", "wx_pub_scan", "cb_alipay_scan", "cb_wx_pub_scan", "upacp_scan"),
)


@pytest.mark.parametrize("channel", [*NAMES, "unknown"])
def test_what_is_watched_closely_can_be_reversed_and_little_else(channel: str) -> None:
    row = find(channel)
    closely = channel.startswith("isv_") or channel.endswith("_scan")
    assert (row.watch.name, row.watch.gaps[0]) == (("close_by", 5) if closely else ("ordinary", 15))
    assert row.watch.reverse_after == (60 if closely else None)
    unpaid = closely or channel in ("alipay_qr", "wx_pub_qr")
    assert row.reversible(paid=False, time_paid=0, now=NOW) == unpaid
    assert row.reversible(paid=True, time_paid=NOW, now=NOW) == closely
    assert row.reverse_may_be_early == (channel == "wx_pub_qr")


NOON = 1_699_934_400  # 2023-11-14 12:00 in China
# The channel, when it was paid, the last moment at which it can be reversed.
WINDOWS = [
    ("wx_pub_scan", NOON, NOON + 7 * DAY),
    ("cb_wx_pub_scan", NOON, NOON + 7 * DAY),
    ("alipay_scan", NOON, NOON + DAY),
    *[(name, NOON, NOON + 12 * HOUR - 1) for name in ("isv_qr", "isv_wap", "isv_scan")],
    ("isv_qr", NOON - 12 * HOUR, NOON + 12 * HOUR - 1),
    ("isv_qr", NOON - 12 * HOUR - 1, NOON - 12 * HOUR - 1),
    ("upacp_scan", NOON, NOON + 11 * HOUR - 1),
    ("upacp_scan", NOON + 11 * HOUR - 1, NOON + 11 * HOUR - 1),
    ("upacp_scan", NOON + 11 * HOUR, NOON + 35 * HOUR - 1),
]


@pytest.mark.parametrize(("channel", "paid", "last"), WINDOWS)
def test_a_paid_charge_can_be_reversed_within_its_window(channel: str, paid: int, last: int) -> None:
    for now in (paid, last, last + 1):
        assert find(channel).reversible(paid=True, time_paid=paid, now=now) == (now <= last)
    # Its window is not known, so Ping++ decides.
    assert find("cb_alipay_scan").reversible(paid=True, time_paid=paid, now=last + 1000 * DAY)
