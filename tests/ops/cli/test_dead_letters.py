"""Dead letters are listed, given back and ended."""

import re

import pytest

from tests.conftest import charge_object, messages, sample
from tests.ops.cli.conftest import System, contradicted


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
