"""How commands speak to the sandbox, and what they say where it is none."""

import pytest

from tests.ops.cli.conftest import Sandbox, System


def test_what_the_sandbox_refuses_is_said(system: System, sandbox: Sandbox) -> None:
    sandbox.answer = (400, {"code": "invalid", "detail": "app: does not match"})
    answer = system.run("trigger charge.succeeded --app x")
    assert (answer.status, answer.out) == (2, "")
    assert "app: does not match" in answer.err


def test_somebody_else_on_that_port_is_no_sandbox(system: System, sandbox: Sandbox) -> None:
    sandbox.answer = (404, b"<html>")
    answer = system.run("trigger charge.succeeded")
    assert answer.status == 2
    assert "no sandbox" in answer.err


def test_no_sandbox_answers(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PORT", "9")
    answer = system.run("trigger charge.succeeded")
    assert (answer.status, answer.out) == (2, "")
    assert "No sandbox answers at http://127.0.0.1:9" in answer.err
    assert "make run" in answer.err
