"""Webhooks with duplicates, checks, sweeps and impatient readers race for the same charges; one worker is killed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.flow.kit import ALL, System, running, seeded
from tests.patience import until

APP = "app_1Gqj58ynP0mHeX1q"


def order(number: int) -> dict[str, Any]:
    return {
        "order_no": f"race{number:06}",
        "amount": 100 + number,
        "currency": "cny",
        "channel": "isv_qr" if number % 5 == 0 else "alipay_qr",
        "extra": {"pay_channel": "alipay", "terminal_id": "00000001"} if number % 5 == 0 else {},
        "subject": "Tea",
        "body": "A box of tea",
        "client_ip": "127.0.0.1",
    }


def is_registered(number: int) -> bool:
    return number % 5 < 3


def create(system: System, number: int) -> str:
    """The charge of an order, made through us or past us by the merchant's own code."""
    if is_registered(number):
        answer = system.api("POST", "/payments", order(number))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["charges"][0]["id"])
    return str(system.gateway("POST", "/v1/charges", {**order(number), "app": {"id": APP}})["id"])


@pytest.mark.parametrize("charges", [200, pytest.param(1_000, marks=pytest.mark.slow)])
def test_each_fact_is_told_once(charges: int, tmp_path: Path) -> None:
    chance = seeded()
    hurry = {"PINGPP_APP_IDS": APP, "DISCOVER_EVERY": "1", "FALLBACK_AFTER": "1", "GATEWAY_RATE": "500"}
    with running(tmp_path, *ALL, "worker/2", **hurry) as system, ThreadPoolExecutor(4) as hands:
        system.sandbox(
            "PUT", "/chaos", {"drop": 0.3, "duplicate": 0.5, "reorder": True, "seed": chance.randrange(1000)}
        )
        made = list(hands.map(lambda number: create(system, number), range(charges)))
        chance.shuffle(made)
        over = threading.Event()

        def reads() -> None:
            while not over.is_set():
                number = chance.randrange(charges)
                if is_registered(number):
                    system.api("GET", f"/payments/race{number:06}")

        reader = threading.Thread(target=reads)
        reader.start()
        try:
            paying = hands.map(lambda one: system.sandbox("POST", f"/charges/{one}/pay"), made)
            for done, _ in enumerate(paying):
                if done == charges // 2:
                    assert system.kill("worker/2")
                    system.tend()
            until(lambda: len(paid(system)) >= charges, "everything is published")
        finally:
            over.set()
            reader.join()
        told = system.messages()
        assert sorted(paid(system)) == [f"race{number:06}" for number in range(charges)]
        assert len({one["id"] for one in told}) == len(told) == charges
        assert system.cli_json("dead-letters", "list") == []


def paid(system: System) -> list[str]:
    return [one["subject"] for one in system.messages() if one["type"] == "pingpp.payment.paid"]
