"""What tells one request from another, and what is shown of it."""

from typing import Any

import pytest

from payments.books.wanted import Wanted, digest_of


def wanted(**changes: Any) -> Wanted:
    asked = {
        "app": "app_1",
        "order_no": "order00000001",
        "amount": 100,
        "currency": "cny",
        "channel": "alipay_scan",
        "subject": "tea",
        "body": "tea",
        "client_ip": "127.0.0.1",
        "livemode": True,
        "extra": {"scan_code": "281234567890123456", "terminal_id": "1"},
    }
    return Wanted(**{**asked, **changes})


def test_a_request_is_known_again_by_channel_and_extra() -> None:
    same = wanted(extra={"terminal_id": "1", "scan_code": "281234567890123456"}, subject="x", time_expire=1)
    assert same.digest == wanted().digest == "6893b93862d06066524a8955174aa794"
    assert wanted(extra=None).digest == wanted(extra={}).digest == digest_of("alipay_scan", None)
    others: list[dict[str, Any]] = [{"channel": "wx_pub_scan"}, {"extra": {"terminal_id": "1"}}]
    assert len({wanted().digest, *(wanted(**one).digest for one in others)}) == 3


@pytest.mark.parametrize("odd", ["\ud800", "茶", ""])
def test_whatever_json_can_hold_has_a_digest(odd: str) -> None:
    assert len(digest_of("alipay_qr", {"note": odd})) == 32


def test_a_scan_code_is_not_shown() -> None:
    assert "281234567890123456" not in repr(wanted())
    assert "281234567890123456" not in wanted().digest
