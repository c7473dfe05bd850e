"""How processes log: a line of JSON for machines, nothing secret in it, and libraries in the same form."""

import json
import subprocess
import sys
from typing import Any

from processes.log import NEVER_LOGGED

LOGS = """
import logging, structlog
from processes.log import configure
configure("receiver", {format!r}, "info")
log = structlog.get_logger()
{lines}
"""


def logged(lines: str, format_: str | None = "json") -> str:
    code = LOGS.format(format=format_, lines=lines)
    done = subprocess.run([sys.executable, "-c", code], stderr=subprocess.PIPE, check=True, text=True)
    return done.stderr


def line(lines: str) -> Any:
    (found,) = logged(lines).splitlines()
    return json.loads(found)


def test_a_line_says_when_who_and_what() -> None:
    found = line("log.info('accepted', events=['evt_1'])")
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "accepted", "level": "info", "process": "receiver", "events": ["evt_1"]}


def test_what_is_secret_or_the_buyers_is_withheld() -> None:
    names = ", ".join(f"{name}='very secret'" for name in sorted(NEVER_LOGGED))
    found = logged(f"log.info('x', {names})\nlog.info('y', order_no='o1')")
    assert "very secret" not in found
    first, second = map(json.loads, found.splitlines())
    assert all(first[name] == "(withheld)" for name in NEVER_LOGGED)
    assert second["order_no"] == "o1"


def test_keys_signatures_and_buyers_are_among_what_is_never_logged() -> None:
    assert {
        "api_key",
        "private_key",
        "signature",
        "token",
        "password",
        "redis_url",
        "authorization",
    } <= NEVER_LOGGED
    assert {"body", "buyer_account", "open_id", "scan_code", "credential", "client_ip"} <= NEVER_LOGGED


def test_whatever_a_value_is_there_is_a_line() -> None:
    found = line("log.info('x', odd=object, half='\\ud800')")
    assert (found["odd"], found["half"]) == ("<class 'object'>", "\ud800")


def test_libraries_log_in_the_same_form_and_the_chatty_ones_less() -> None:
    found = line(
        "logging.getLogger('some').warning('of %s', 'theirs')\nlogging.getLogger('httpx').info('GET')"
    )
    assert (found["event"], found["level"], found["process"]) == ("of theirs", "warning", "receiver")


def test_an_exception_is_one_line_and_what_is_below_the_level_none() -> None:
    raises = "log.debug('no')\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    log.exception('broke')"
    found = line(raises)
    assert (found["event"], found["level"]) == ("broke", "error")
    assert "ZeroDivisionError" in found["exception"]


def test_for_people_it_is_no_json() -> None:
    found = logged("log.info('accepted', events=1)", "console")
    assert "accepted" in found
    assert not found.startswith("{")
