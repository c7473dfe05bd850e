"""A dead letter as others see it."""

from payments.dead_letters.letters import DeadLetter
from payments.dead_letters.shown import raw_json, shown

LETTER = DeadLetter(
    "dl_1", "event", "no_charge", "evt_1:re_1", "events", "evt_1", "refund.succeeded", "", "o1", "app_1", 3, "why",
    {"buyer_account": "xin***@126.com"}, 1_700_000_000_000, 1_700_000_001_500, 2,
)  # fmt: skip


def test_it_has_these_members_and_nothing_of_the_buyer() -> None:
    assert shown(LETTER) == {
        "id": "dl_1",
        "kind": "event",
        "reason": "no_charge",
        "explanation": "A charge or refund event that names no charge. See show --raw.",
        "member": "evt_1:re_1",
        "due_set": "events",
        "event_id": "evt_1",
        "charge_id": None,
        "order_no": "o1",
        "app": "app_1",
        "first_at": "2023-11-14T22:13:20.000Z",
        "last_at": "2023-11-14T22:13:21.500Z",
        "count": 2,
        "attempts": 3,
        "last_error": "why",
    }


def test_a_body_is_text_and_else_base64() -> None:
    assert raw_json("茶".encode()) == {"raw": "茶"}
    assert raw_json(b"\xff\x00") == {"raw": None, "raw_base64": "/wA="}
    assert raw_json(None) == {"raw": None}
