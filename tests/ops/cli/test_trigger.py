"""`trigger` and `smoke` ask the sandbox, and say what to look at when a payment does not arrive."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from tests.conftest import charge_object, event_body
from tests.ops.cli.conftest import System

PLANNED = {"event_id": f"evt_{1:024d}", "type": "charge.succeeded", "object_id": f"ch_{1:024d}"}
ANSWER = {"count": 1, "events": [{**PLANNED, "order_no": "order00000001"}]}


class Sandbox:
    """Answers as the sandbox's control does; `then` runs before the answer to a trigger."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, Any] = (202, ANSWER)
        self.deliveries: list[dict[str, Any]] = []
        self.then: Callable[[], None] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                outer.then()
                self._send(*outer.answer)

            def do_GET(self) -> None:
                self._send(200, {"deliveries": outer.deliveries, "outstanding": 1})

            def _send(self, status: int, content: Any) -> None:
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def sandbox(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("DATA_DIR", str(system.data_dir))
    made = Sandbox()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SANDBOX_PORT", str(made.server.server_address[1]))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # what is here is not reached through a proxy
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def test_what_was_made_is_said_and_how_to_watch_it(system: System, sandbox: Sandbox) -> None:
    answer = system.run("trigger charge.succeeded")
    assert answer.status == 0
    assert sandbox.asked == [{"type": "charge.succeeded", "count": 1}]
    assert PLANNED["event_id"] in answer.out
    assert "order00000001" in answer.out
    assert "pingpp-ingest fulfilment tail" in answer.err
    assert "pingpp-ingest payments show order00000001" in answer.err
    assert system.run("trigger charge.succeeded --json").json == ANSWER


def test_options_are_passed_on(system: System, sandbox: Sandbox) -> None:
    sandbox.answer = (202, {"count": 2000, "first": ANSWER["events"][0], "last": ANSWER["events"][0]})  # type: ignore[index]
    answer = system.run("trigger refund.succeeded --count 2000 --rate 50.5 --app app_1 --live")
    assert answer.status == 0
    assert sandbox.asked == [
        {"type": "refund.succeeded", "count": 2000, "rate": 50.5, "app": "app_1", "livemode": True}
    ]
    assert "first and the last of 2000" in answer.err


@pytest.mark.parametrize(
    "line",
    [
        "trigger",
        "trigger a --count 0",
        "trigger a --rate 0",
        "trigger a --rate inf",
        "trigger a --colour red",
    ],
)
def test_wrong_use_asks_nobody(system: System, sandbox: Sandbox, line: str) -> None:
    answer = system.run(line)
    assert (answer.status, answer.out) == (2, "")
    assert sandbox.asked == []


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


def paid(system: System) -> None:
    system.apply(event_body(charge_object(1), number=1))


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


def test_smoke_prints_a_table(system: System, sandbox: Sandbox) -> None:
    sandbox.then = lambda: paid(system)
    answer = system.run("smoke")
    assert answer.status == 0
    assert len([line for line in answer.lines if line.split()[-2:-1]]) >= 5
    assert "One payment went through everything" in answer.err


def nothing(_: System) -> None:
    pass


def accepted(system: System) -> None:
    system.accept(event_body(charge_object(1), number=1))


def dead(system: System) -> None:
    system.dead(event_body(charge_object(1), number=1, livemode=False))


def asked(system: System) -> None:
    system.apply(event_body(charge_object(1), number=1, livemode=False))


def kept_aside(system: System) -> None:
    system.apply(event_body(charge_object(1, livemode=False), number=1, livemode=False))


STUCK = [
    (nothing, "webhook accepted", "answered 401"),
    (accepted, "message on the fulfilment stream", "waits to be applied"),
    (dead, "message on the fulfilment stream", "dead-letters show dl_"),
    (asked, "message on the fulfilment stream", "livemode_conflict"),
    (kept_aside, "message on the fulfilment stream", "PINGPP_APP_IDS"),
]


@pytest.mark.parametrize("stuck", STUCK, ids=[happens.__name__ for happens, *_ in STUCK])
def test_smoke_says_what_did_not_happen_and_what_to_look_at(
    system: System,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
    stuck: tuple[Callable[[System], None], str, str],
) -> None:
    happens, step, look_at = stuck
    monkeypatch.setattr("ops.cli.smoke.WITHIN_S", 0.3)
    sandbox.deliveries = [{"attempt": 2, "status": 401, "error": None}]
    sandbox.then = lambda: happens(system)
    answer = system.run("smoke")
    assert answer.status == 1
    assert "not seen" in answer.out
    assert f"had not happened: {step}" in answer.err
    assert look_at in answer.err


def test_smoke_without_a_sandbox(system: System, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_PORT", "9")
    answer = system.run("smoke")
    assert (answer.status, answer.out) == (2, "")
    assert "No sandbox answers" in answer.err
