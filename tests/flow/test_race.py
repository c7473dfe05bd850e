"""Webhooks with duplicates, checks, sweeps and impatient readers race for the same charges; one worker is killed."""

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from tests.flow.kit import ALL, System, running, seeded
from tests.patience import until

APP = "app_1Gqj58ynP0mHeX1q"
CHARGES = 1_000
REGISTERED = 600  # the others are made by the merchant's own code


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


def create(system: System, number: int) -> str:
    """The charge of an order, made through us or past us."""
    if number < REGISTERED:
        answer = system.api("POST", "/payments", order(number))
        assert answer.status_code == 201, answer.text
        return str(answer.json()["charges"][0]["id"])
    return str(system.gateway("POST", "/v1/charges", {**order(number), "app": {"id": APP}})["id"])


def test_each_fact_is_told_once(tmp_path: Path) -> None:
    chance = seeded()
    hurry = {"PINGPP_APP_IDS": APP, "DISCOVER_EVERY": "1", "FALLBACK_AFTER": "1", "GATEWAY_RATE": "500"}
    with running(tmp_path, *ALL, "worker/2", **hurry) as system, ThreadPoolExecutor(4) as hands:
        system.sandbox(
            "PUT", "/chaos", {"drop": 0.3, "duplicate": 0.5, "reorder": True, "seed": chance.randrange(1000)}
        )
        charges = list(hands.map(lambda number: create(system, number), range(CHARGES)))
        chance.shuffle(charges)
        over = threading.Event()

        def reads() -> None:
            while not over.is_set():
                system.api("GET", f"/payments/race{chance.randrange(REGISTERED):06}")

        reader = threading.Thread(target=reads)
        reader.start()
        try:
            paying = hands.map(lambda one: system.sandbox("POST", f"/charges/{one}/pay"), charges)
            for done, _ in enumerate(paying):
                if done == CHARGES // 2:
                    assert system.kill("worker/2")
                    system.tend()
            until(lambda: len(paid(system)) >= CHARGES, "everything is published")
        finally:
            over.set()
            reader.join()
        told = system.messages()
        assert sorted(paid(system)) == [f"race{number:06}" for number in range(CHARGES)]
        assert len({one["id"] for one in told}) == len(told) == CHARGES
        assert system.cli_json("dead-letters", "list") == []


def paid(system: System) -> list[str]:
    return [one["subject"] for one in system.messages() if one["type"] == "pingpp.payment.paid"]
