"""Calls that the sandbox ends without an answer, over real connections."""

import contextlib
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from sandbox.objects.scan import ANSWER_LOST, EXAMPLES
from tests.patience import PATIENCE_S, until
from tests.sandbox.kit import APP, TEST_KEY, order
from tests.sandbox.program import Program, open_shop, starting


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    with open_shop() as shop, starting(tmp_path_factory.mktemp("unanswered"), shop) as start:
        yield start()


@pytest.fixture
def program(shared: Program) -> Program:
    httpx.post(f"{shared.url}/sandbox/reset").raise_for_status()
    return shared


def be(program: Program, do: str, **rest: Any) -> None:
    wanted = {"do": do, "method": "POST", "path": "/v1/charges", **rest}
    httpx.post(f"{program.url}/sandbox/next", json=wanted).raise_for_status()


def create(program: Program, **changes: Any) -> httpx.Response:
    return httpx.post(
        f"{program.url}/v1/charges", json=order(**changes), headers=TEST_KEY, timeout=PATIENCE_S
    )


def charges(program: Program) -> list[Any]:
    answer = httpx.get(f"{program.url}/v1/charges", params={"app[id]": APP}, headers=TEST_KEY)
    found: list[Any] = answer.raise_for_status().json()["data"]
    return found


@pytest.mark.parametrize(("do", "made"), [("lose_answer", 1), ("lose_request", 0), ("hang", 0)])
def test_the_connection_closes_without_a_byte(program: Program, do: str, made: int) -> None:
    be(program, do, delay_ms=50)
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(program)
    assert len(charges(program)) == made
    assert create(program).status_code == 200


def test_nothing_at_all_is_sent(program: Program) -> None:
    be(program, "lose_answer")
    body = httpx.Request("POST", "http://x", json=order()).content
    host, port = program.url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE_S) as line:
        line.sendall(
            b"POST /v1/charges HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer sk_test_1\r\n"
            b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body)
        )
        with contextlib.suppress(ConnectionResetError):
            assert line.recv(100) == b""
    assert len(charges(program)) == 1


def test_a_lost_answer_at_the_till_is_paid(program: Program) -> None:
    extra = {"scan_code": EXAMPLES[ANSWER_LOST], "terminal_id": "T0000001"}
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(program, channel="isv_scan", extra=extra)
    assert [one["paid"] for one in charges(program)] == [True]


def test_a_connection_that_was_used_before_can_be_closed_too(program: Program) -> None:
    with httpx.Client(base_url=program.url, headers=TEST_KEY) as client:
        client.post("/v1/charges", json=order()).raise_for_status()
        be(program, "lose_answer")
        with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
            client.post("/v1/charges", json=order(order_no="other"))
        client.get("/sandbox/healthz").raise_for_status()
    assert len(charges(program)) == 2


def test_a_late_call_is_carried_out_though_its_caller_is_gone(program: Program) -> None:
    be(program, "delay", delay_ms=1500)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{program.url}/v1/charges", json=order(), headers=TEST_KEY, timeout=0.1)
    assert charges(program) == []
    until(lambda: len(charges(program)) == 1, "it is carried out")


def test_a_caller_that_is_gone_holds_up_nothing(start: Callable[..., Program]) -> None:
    program = start()
    be(program, "lose_answer")
    with pytest.raises((httpx.RemoteProtocolError, httpx.ReadError)):
        create(program)
    be(program, "hang")
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(f"{program.url}/v1/charges", json=order(), headers=TEST_KEY, timeout=0.2)
    code, log = program.stop()
    assert code == 0, log
    assert "timeout graceful shutdown exceeded" not in log, "a minute's hang ends with its caller"
    assert "Traceback" not in log
    assert "ASGI" not in log
