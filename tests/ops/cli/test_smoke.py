"""`smoke` sends one payment through everything and says how it went."""

import pytest

from tests.ops.cli.conftest import Sandbox, System, paid


def test_smoke_prints_a_table(system: System, sandbox: Sandbox) -> None:
    sandbox.then = lambda: paid(system)
    answer = system.run("smoke")
    assert answer.status == 0
    assert len([line for line in answer.lines if line.split()[-2:-1]]) >= 5
    assert "One payment went through everything" in answer.err


def test_smoke_without_a_sandbox(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PORT", "9")
    answer = system.run("smoke")
    assert (answer.status, answer.out) == (2, "")
    assert "No sandbox answers" in answer.err
