"""Ping++ answers errors for a while, then half of the time, then again as ever; and no webhook arrives all the while.
What was paid meanwhile is found out with few calls, and is published once.
"""

import re
import time
from collections import Counter
from typing import Any

from tests.flow.kit import System
from tests.patience import until

APP = "app_1Gqj58ynP0mHeX1q"
RATE = 20  # calls a second at full pace, as it is by default
AWAY_S = 5.0
CHANNELS: dict[str, dict[str, Any]] = {
    "isv_qr": {"extra": {"pay_channel": "alipay", "terminal_id": "00000001"}},  # somebody waits for it
    "alipay_qr": {},
}


def create(system: System, number: int) -> tuple[str, str]:
    """A payment that waits for its customer; its order_no and its charge."""
    channel = list(CHANNELS)[number % len(CHANNELS)]
    wanted = {
        "order_no": f"away{number:06d}",
        "app": APP,
        "amount": 100 + number,
        "currency": "cny",
        "channel": channel,
        "subject": "Tea",
        "body": "A box of tea",
        "client_ip": "127.0.0.1",
        **CHANNELS[channel],
    }
    answer = system.api("POST", "/payments", wanted)
    assert answer.status_code == 201, answer.text
    return wanted["order_no"], answer.json()["charges"][0]["id"]


def due_now(system: System) -> None:
    """All checks are due; the test has no time to wait for theirs."""
    with system.redis() as client:
        now: Any = client.time()
        for what in ("checks", "checks_now"):
            members: Any = client.zrange(f"due:{what}", 0, -1)
            client.zadd(f"due:{what}", dict.fromkeys(members, 1000 * now[0]), xx=True)


def looks(system: System, said: str) -> int:
    """How many looks at Ping++ ended with that answer; each is one call. Those that had no turn say so."""
    log = (system.directory / "worker.log").read_text()  # of several processes: not always one object a line
    return len(re.findall(rf'\{{"outcome":"put_off",[^{{}}]*{said}[^{{}}]*"event":"checked"', log))


def pace(system: System) -> float:
    """Calls a second, as all processes have it now."""
    with system.redis() as client:
        held: Any = client.hget("pace", "rate")
    return float(held or RATE)


def told(system: System) -> Counter[str]:
    return Counter(one["id"] for one in system.messages())


def test_with_ping_away_few_calls_are_made_and_nothing_is_lost(system: System) -> None:
    payments = dict(create(system, number) for number in range(30))
    paid = Counter(f"paid:{order_no}" for order_no in payments)
    system.sandbox("PUT", "/chaos", {"drop": 1, "api_error": 1, "api_error_status": 503})
    began = time.monotonic()
    for charge_id in payments.values():
        system.sandbox("POST", f"/charges/{charge_id}/pay")
    due_now(system)
    until(lambda: pace(system) == 1, "nobody calls faster than once a second")
    time.sleep(AWAY_S)
    failed, lasted = looks(system, "answered 503"), time.monotonic() - began
    print(f"{failed} calls in {lasted:.1f} s without an answer")
    # The floor, what the fall takes, and what was under way before the first one failed.
    assert 10 <= failed <= lasted + 2 * RATE + len(payments)
    assert told(system) == Counter()

    system.sandbox("PUT", "/chaos", {"drop": 1, "api_error": 0.5, "api_error_status": 429})
    due_now(system)
    until(lambda: told(system), "some calls are answered")
    print(f"{len(told(system))} told while every other call was one too many, {pace(system)} calls/s")
    assert pace(system) < RATE / 4
    assert set(told(system)) <= set(paid)

    system.sandbox("PUT", "/chaos", {"drop": 1})
    due_now(system)
    until(lambda: told(system) == paid, "all are published as paid, by checks alone")
    print(f"all told {time.monotonic() - began:.1f} s after they were paid, {pace(system)} calls/s")

    # Now the webhooks come as well, and change nothing.
    system.sandbox("PUT", "/chaos", {})
    system.sandbox("PUT", "/clock", {"advance": 700})
    until(lambda: system.sandbox("GET", "/deliveries?limit=1")["outstanding"] == 0, "all is delivered")
    with system.redis() as client:
        until(lambda: not client.zcard("due:events"), "and applied")
        until(lambda: not client.zcard("in_flight"), "and no call is under way")
        assert not client.zcard("dead_letters")
    assert told(system) == paid
