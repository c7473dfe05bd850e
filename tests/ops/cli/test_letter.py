"""One dead letter is shown with both sides; buyers' data only when asked for."""

from tests.conftest import charge_object, event_body
from tests.ops.cli.conftest import BUYER, System, contradicted


def test_show_sets_both_sides_beside_each_other(system: System) -> None:
    id_ = contradicted(system)
    answer = system.run(f"dead-letters show {id_}")
    assert answer.status == 0
    amount = next(line for line in answer.lines if line.startswith("amount "))
    assert amount.split() == ["amount", "999", "100", "differs"]
    currency = next(line for line in answer.lines if line.startswith("currency "))
    assert "differs" not in currency
    assert "they differ in: amount" in answer.out
    assert "Nothing was published" in answer.out
    for command in (
        f"pingpp-ingest dead-letters show {id_} --raw",
        f"pingpp-ingest dead-letters retry {id_}",
        f"pingpp-ingest dead-letters discard {id_}",
        "pingpp-ingest payments show --app app_1Gqj58ynP0mHeX1q order00000001",
    ):
        assert command in answer.out
    document = system.run(f"dead-letters show {id_} --json").json
    assert document["evidence"]["claimed"]["amount"] == 999
    assert document["evidence"]["found"]["amount"] == 100
    assert document["evidence"]["odd"] == "livemode_conflict"
    assert document["event_type"] == "charge.succeeded"
    assert "raw" not in document


def test_buyers_data_and_the_body_are_shown_only_with_raw(system: System) -> None:
    id_ = contradicted(system)
    for line in ("list", "list --json", f"show {id_}", f"show {id_} --json"):
        answer = system.run(f"dead-letters {line}")
        assert BUYER not in answer.all
        assert "buyer_account" not in answer.all
        assert "sk_live" not in answer.all
    assert BUYER in system.run(f"dead-letters show {id_} --raw").out
    assert BUYER in system.run(f"dead-letters show {id_} --raw --json").json["raw"]


def test_a_body_that_is_no_text_comes_in_base64_and_harms_no_terminal(system: System) -> None:
    (id_,) = system.dead(b'\xff\x1b[31m{"id"')
    answer = system.run(f"dead-letters show {id_} --raw")
    assert "\x1b" not in answer.out
    assert r"\xff\x1b[31m" in answer.out
    document = system.run(f"dead-letters show {id_} --raw --json").json
    assert (document["raw"], document["raw_base64"]) == (None, "/xtbMzFteyJpZCI=")
    assert document["reason"] == "not_json"
    assert document["event_id"] is None


def test_what_it_says_is_no_markup(system: System) -> None:
    charge = charge_object(1, order_no="[red]x[/red]\x1b[2J")
    (id_,) = system.dead(event_body(charge, livemode=False))
    for line in ("list", f"show {id_}"):
        answer = system.run(f"dead-letters {line}")
        assert r"[red]x[/red]\x1b[2J" in answer.out
        assert "\x1b" not in answer.out
