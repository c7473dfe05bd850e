"""One payment is sent through the system, and each step is timed."""

import pytest

from tests.ops.cli.conftest import Sandbox, System, paid


def test_smoke_times_each_step(system: System, sandbox: Sandbox) -> None:
    sandbox.then = lambda: paid(system)
    answer = system.run("smoke --json")
    assert answer.status == 0
    document = answer.json
    assert document["ok"]
    assert [one["step"] for one in document["steps"]] == ["sandbox", "webhook", "message", "books"]
    assert all(one["ok"] for one in document["steps"])
    at = [one["at_ms"] for one in document["steps"]]
    assert at == sorted(at)
    assert document["total_ms"] == at[-1]
    assert sum(one["ms"] for one in document["steps"]) == pytest.approx(at[-1], abs=0.5)
