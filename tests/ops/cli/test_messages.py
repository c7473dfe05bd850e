"""A fulfilment message as one line for people."""

from tests.conftest import charge_object, event_body, refund_object
from tests.ops.cli.conftest import System

IDLE = "--idle-exit 0.05"


def test_for_people_it_is_one_short_line(system: System) -> None:
    system.apply(event_body(charge_object(1, amount=123456)))
    system.apply(event_body(charge_object(2, order_no="order00000001", amount=50)))
    system.apply(event_body(refund_object(1), "refund.succeeded"))
    thing = {"id": "sum_1", "object": "summary", "amount": 7, "currency": "jpy", "app": "app_x"}
    system.apply(event_body(thing, "summary.daily.available", number=9))
    system.client.xadd("fulfilment", {"event": "\x1b[31mnot ours"})
    answer = system.run(f"fulfilment tail --from-start {IDLE}")
    paid, again, refunded, passed, foreign = (line.split() for line in answer.lines)
    assert paid == [
        *("2023-11-14T22:14:20Z", "pingpp.payment.paid", "order00000001", "1,234.56", "CNY"),
        *(f"ch_{1:024d}", "#1"),
    ]
    assert again[1:5] == ["pingpp.payment.paid_again", "order00000001", "0.50", "CNY"]
    assert again[6:] == ["excess", "0.50", "CNY", "#2"]
    assert refunded[1:5] == ["pingpp.payment.refunded", "order00000001", "0.40", "CNY"]
    assert f"re_{1:024d}" in refunded
    assert passed[1:] == ["pingpp.event.summary.daily.available", f"evt_{9:024d}:sum_1", "7", "JPY"]
    assert foreign[1:4] == ["(not", "a", "message"]
    assert "xin***@126.com" not in answer.all
    assert "\x1b" not in answer.out
