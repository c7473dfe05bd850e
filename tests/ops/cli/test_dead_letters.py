"""Dead letters are listed, shown with both sides, given back and ended; buyers' data only when asked for."""

import re

import pytest

from tests.conftest import charge_object, event_body, messages, sample
from tests.ops.cli.conftest import System

BUYER = "xin***@126.com"


def contradicted(system: System, number: int = 1) -> str:
    """The dead letter of an event that claims another amount than Ping++ says, and another mode."""
    charge = charge_object(number)
    system.charges[charge["id"]] = {**charge, "extra": {}}
    (id_,) = system.dead(event_body({**charge, "amount": 999}, livemode=False))
    return id_


def test_none_is_said_in_words_and_is_an_empty_list(system: System) -> None:
    answer = system.run("dead-letters list")
    assert (answer.status, answer.out) == (0, "")
    assert "No dead letters" in answer.err
    assert system.run("dead-letters list --json").json == []


def test_the_list_shows_the_newest_first(system: System) -> None:
    first, second = contradicted(system, 1), contradicted(system, 2)
    listed = system.run("dead-letters list --json").json
    assert [one["id"] for one in listed] == [second, first]
    assert listed[0]["reason"] == "contradicted"
    assert listed[0]["order_no"] == "order00000002"
    assert listed[0]["charge_id"] == f"ch_{2:024d}"
    assert listed[0]["count"] == 1
    assert listed[0]["attempts"] == 1
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", listed[0]["last_at"])
    table = system.run("dead-letters list")
    assert first in table.out
    assert "order00000001" in table.out
    limited = system.run("dead-letters list --limit 1")
    assert second in limited.out
    assert first not in limited.out
    assert "1 more" in limited.err


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


def test_retry_gives_it_back_and_it_is_worked_on_again(system: System) -> None:
    id_ = contradicted(system)
    charge_id = f"ch_{1:024d}"
    system.charges[charge_id] = charge_object(1, amount=999)
    answer = system.run(f"dead-letters retry {id_}")
    assert answer.status == 0
    assert id_ in answer.out
    assert system.due("asks") == [f"evt_{1:024d}:{charge_id}"]
    assert system.run("dead-letters list --json").json == []
    system.ask()
    assert [one["type"] for one in messages(system.client)] == ["pingpp.payment.paid"]


def test_retry_rings_at_once(system: System) -> None:
    id_ = contradicted(system)
    system.client.delete("bell:asks", "rq:queue:asks")
    system.run(f"dead-letters retry {id_}")
    assert system.client.llen("rq:queue:asks") == 1


def test_retry_all_can_be_for_one_reason(system: System) -> None:
    contradicted(system)
    system.dead(sample("cb_alipay_qr"))
    answer = system.run("dead-letters retry --all --reason charge_not_found")
    assert answer.status == 0
    assert [one["reason"] for one in system.run("dead-letters list --json").json] == ["contradicted"]
    assert system.run("dead-letters retry --all").status == 0
    assert system.run("dead-letters list --json").json == []
    assert len(system.due("asks")) == 2
    assert "No dead letters" in system.run("dead-letters retry --all").err
    unknown = system.run("dead-letters retry --all --reason nonsense")
    assert "charge_not_found" in unknown.err


@pytest.mark.parametrize("line", ["retry", "retry dl_1 --all", "retry dl_1 --reason contradicted", "discard"])
def test_what_is_not_clear_is_refused(system: System, line: str) -> None:
    id_ = contradicted(system)
    assert system.run(f"dead-letters {line}").status == 2
    assert system.run(f"dead-letters show {id_}").status == 0


def test_discard_ends_it_and_keeps_the_body_for_a_while(system: System) -> None:
    id_ = contradicted(system)
    body = f"body:evt_{1:024d}:ch_{1:024d}"
    assert system.client.ttl(body) == -1
    answer = system.run(f"dead-letters discard {id_} --yes")
    assert answer.status == 0
    assert id_ in answer.out
    assert system.run("dead-letters list --json").json == []
    assert 6 * 86_400 < int(system.client.ttl(body)) <= 7 * 86_400
    assert system.due("asks") == []


def test_on_a_terminal_discard_asks_first(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = contradicted(system)
    monkeypatch.setattr("ops.cli.dead_letters._on_terminal", lambda: True)
    refused = system.run(f"dead-letters discard {id_}", given="n\n")
    assert refused.status == 1
    assert len(system.run("dead-letters list --json").json) == 1
    assert system.run(f"dead-letters discard {id_}", given="y\n").status == 0
    assert system.run("dead-letters list --json").json == []


@pytest.mark.parametrize("verb", ["show", "retry", "discard"])
def test_an_unknown_id_is_said_plainly(system: System, verb: str) -> None:
    answer = system.run(f"dead-letters {verb} dl_0000000000000000")
    assert answer.status == 1
    assert answer.out == ""
    assert "There is no dead letter dl_0000000000000000" in answer.err


def test_those_that_are_there_are_ended_though_another_is_not(system: System) -> None:
    id_ = contradicted(system)
    answer = system.run(f"dead-letters discard dl_0 {id_}")
    assert answer.status == 1
    assert id_ in answer.out
    assert "dl_0:" in answer.err
    assert system.run("dead-letters list --json").json == []
