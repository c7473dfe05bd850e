"""The ports of `up`: which are taken, and which to choose instead."""

from ops.up.ports import port_problem, ports_problem
from tests.ports import free_port


def test_a_taken_port_is_named_with_a_free_one(taken: int) -> None:
    said = ports_problem("127.0.0.1", {"receiver": taken, "sandbox": taken + 1})
    assert said is not None
    assert f"Port {taken} for the receiver is taken." in said
    assert "pingpp-ingest up --port " in said
    assert f"--port {taken + 1}" not in said  # that one is the sandbox's
    assert port_problem("127.0.0.1", taken) == "is taken"


def test_free_ports_are_no_problem(taken: int) -> None:
    free = free_port()
    assert ports_problem("127.0.0.1", {"receiver": free}) is None
    assert taken != free


def test_one_port_cannot_serve_two() -> None:
    free = free_port()
    said = ports_problem("127.0.0.1", {"receiver": free, "sandbox": free})
    assert said is not None
    assert "--sandbox-port" in said


def test_a_host_that_is_not_ours_is_named() -> None:
    said = port_problem("192.0.2.1", 8080)
    assert said is not None
    assert "cannot be used" in said
