"""`fulfilment` prints each message as it stands on the stream, and says how far each group has read."""

import json
from typing import Any

from tests.conftest import charge_object, event_body, refund_object
from tests.ops.cli.conftest import System

IDLE = "--idle-exit 0.05"


def entries(system: System) -> list[bytes]:
    found: Any = system.client.xrange("fulfilment")
    return [fields[b"event"] for _, fields in found]


def test_from_start_prints_each_message_as_it_stands(system: System) -> None:
    system.apply(event_body(charge_object(1)))
    system.apply(event_body(refund_object(1), "refund.succeeded"))
    answer = system.run(f"fulfilment tail --from-start {IDLE} --json")
    assert answer.status == 0
    assert answer.out.encode() == b"".join(entry + b"\n" for entry in entries(system))
    assert [json.loads(line)["type"] for line in answer.lines] == [
        "pingpp.payment.paid",
        "pingpp.payment.refunded",
    ]


def test_a_wrong_time_is_refused(system: System) -> None:
    assert system.run("fulfilment tail --idle-exit -1").status == 2


def test_groups_say_how_far_each_has_read(system: System) -> None:
    assert system.run("fulfilment groups --json").json == []
    empty = system.run("fulfilment groups")
    assert (empty.status, empty.out) == (0, "")
    assert "XGROUP CREATE fulfilment" in empty.err
    system.apply(event_body(charge_object(1)), event_body(charge_object(2)))
    for name in ("shop", "stock"):
        system.client.xgroup_create("fulfilment", name, "0")
    system.client.xreadgroup("shop", "one", {"fulfilment": ">"}, count=1)
    shop, stock = system.run("fulfilment groups --json").json
    assert (shop["name"], shop["pending"], shop["lag"]) == ("shop", 1, 1)
    assert [one["name"] for one in shop["consumers"]] == ["one"]
    assert shop["last_delivered_at"].endswith("Z")
    assert (stock["pending"], stock["lag"], stock["consumers"]) == (0, 2, [])
    assert (stock["last_delivered_id"], stock["last_delivered_at"]) == ("0-0", None)
    table = system.run("fulfilment groups")
    assert table.lines[2].split()[:4] == ["shop", "1", "1", "1"]
