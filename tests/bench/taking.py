"""Taking payments: what a create costs beside calling the gateway oneself, and how soon a lost webhook is made good."""

import json
import random
import time
from collections.abc import Callable
from itertools import accumulate
from statistics import median, quantiles
from typing import Any

import httpx

from tests.bench.corpus import Corpus
from tests.bench.measures import Plan, Say
from tests.bench.stage import Stage
from tests.ports import free_port

APP, TOKEN, KEY = "app_1Gqj58ynP0mHeX1q", "bench-token", "sk_test_bench"
FIRST_S = 5.0  # FALLBACK_AFTER in the measurement: nobody has the time to wait for 15 s
SLOTS_S = list(accumulate((FIRST_S, 15, 30, 60, 120)))
RATE = 100  # GATEWAY_RATE
_EACH = 20  # calls of one kind in a row


class Till:
    """A merchant's server, on connections that it keeps."""

    def __init__(self, stage: Stage, **environment: str) -> None:
        self.stage, port, sandbox = stage, free_port(), free_port()
        self.pingpp, self.ours = f"http://127.0.0.1:{sandbox}", f"http://127.0.0.1:{port}"
        told = {
            "PORT": str(port),
            "SANDBOX_PORT": str(sandbox),
            "PINGPP_API_BASE": self.pingpp,
            "PINGPP_API_KEY": KEY,
            "PINGPP_PUBLIC_KEY_FILES": str(stage.directory / "sandbox" / "public_key.pem"),
            "MERCHANT_API_TOKENS": TOKEN,
            "PINGPP_APP_IDS": APP,
            "DISCOVER_EVERY": "0",
            "RECONCILE_EVERY": "0",
            "FALLBACK_AFTER": str(FIRST_S),
            "GATEWAY_RATE": str(RATE),
            **environment,
        }
        start: Any = stage.start  # its environment is spelt as keywords
        start("sandbox", "sandbox", port=sandbox, **told)
        start("receiver", "ingest", port=port, **told)
        start("worker", "workers", **told)
        start("scheduler", "workers.scheduler", **told)
        self.http = httpx.Client(timeout=30, headers={"Authorization": f"Bearer {TOKEN}"})
        self.gateway = httpx.Client(timeout=30, headers={"Authorization": f"Bearer {KEY}"})

    def order(self, number: int) -> dict[str, Any]:
        return {
            "order_no": f"bench{number:08}",
            "amount": 100,
            "currency": "cny",
            "channel": "alipay_qr",
            "subject": "Tea",
            "body": "A box of tea",
            "client_ip": "127.0.0.1",
        }

    def create(self, number: int) -> dict[str, Any]:
        answer = self.http.post(f"{self.ours}/payments", json=self.order(number))
        assert answer.status_code == 201, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def create_at_the_gateway(self, number: int) -> None:
        content = {**self.order(number), "app": {"id": APP}}
        assert self.gateway.post(f"{self.pingpp}/v1/charges", json=content).status_code == 200

    def pay(self, payment: dict[str, Any]) -> None:
        self.gateway.post(
            f"{self.pingpp}/sandbox/charges/{payment['charges'][0]['id']}/pay"
        ).raise_for_status()


def taking(corpus: Corpus, plan: Plan, say: Say) -> dict[str, Any]:
    """Milliseconds of a create through us and of the same call made directly, and of a merchant's status poll."""
    took: dict[str, list[float]] = {"gateway": [], "create": [], "poll": []}
    with Stage(corpus) as stage:
        till = Till(stage)
        warm = till.create(0)

        def poll(_: int) -> None:
            answer = till.http.get(f"{till.ours}/payments/{warm['order_no']}")
            assert answer.status_code == 200

        calls: dict[str, Callable[[int], Any]] = {
            "gateway": till.create_at_the_gateway,
            "create": till.create,
            "poll": poll,
        }
        number = 1
        for _ in range(plan.rounds * 4):
            for name, call in calls.items():
                for _ in range(_EACH):
                    began = time.perf_counter()
                    call(number)
                    took[name].append(1000 * (time.perf_counter() - began))
                    number += 1
    found: dict[str, Any] = {name: _spread(values[_EACH:]) for name, values in took.items()}
    found["added_ms"] = round(found["create"]["p50"] - found["gateway"]["p50"], 2)
    say(f"create: p50 {found['create']['p50']} ms, {found['added_ms']} ms more than the gateway's own")
    return found


def fallback(corpus: Corpus, plan: Plan, say: Say) -> dict[str, Any]:
    """With all webhooks lost: by how much each payment's message is later than its next check is due. With webhooks:
    how many retrieves are made for payments that are paid before their first check.
    """
    payments = 100 * plan.rounds
    lost = _lost(corpus, payments)
    say(f"webhooks lost: {lost['late_ms']['most']} ms after the check at the most, {lost['calls']} calls")
    kept = _kept(corpus, payments)
    say(f"webhooks kept: {kept['retrieves_per_payment']} retrieves a payment")
    return {"lost": lost, "kept": kept}


def _lost(corpus: Corpus, payments: int) -> dict[str, Any]:
    chance = random.Random(1)
    with Stage(corpus) as stage:
        till = Till(stage)
        till.gateway.put(f"{till.pingpp}/sandbox/chaos", json={"drop": 1}).raise_for_status()
        waiting: list[tuple[float, dict[str, Any]]] = []
        paid_ms: dict[str, int] = {}
        until, number = time.monotonic() + payments / 25, 0
        while number < payments or waiting:
            now = time.monotonic()
            if number < payments and now >= until - (payments - number) / 25:
                waiting.append((now + chance.uniform(0, 18), till.create(number)))
                number += 1
            due = [one for one in waiting if one[0] <= now]
            waiting = [one for one in waiting if one[0] > now]
            for _, payment in due:
                till.pay(payment)
                seconds, micros = stage.client.time()
                paid_ms[payment["order_no"]] = seconds * 1000 + micros // 1000
            time.sleep(0.002)
        told = _told(stage, payments, within=70)
        late = [told[order] - _next_check(stage, order, at) for order, at in paid_ms.items()]
        return {"payments": payments, "late_ms": _spread(late), "calls": _looks(stage)}


def _kept(corpus: Corpus, payments: int) -> dict[str, Any]:
    with Stage(corpus) as stage:
        till = Till(stage)
        for number in range(payments):
            till.pay(till.create(number))
        _told(stage, payments, within=30)
        time.sleep(FIRST_S + 2)
        return {"payments": payments, "retrieves_per_payment": round(_looks(stage) / payments, 3)}


def _told(stage: Stage, payments: int, within: float) -> dict[str, int]:
    """When (ms, Redis's clock) each order was published as paid."""
    until = time.monotonic() + within
    while stage.client.xlen("fulfilment") < payments and time.monotonic() < until:
        time.sleep(0.1)
    entries: Any = stage.client.xrange("fulfilment")
    found = {}
    for id_, fields in entries:
        event = json.loads(fields[b"event"])
        assert event["type"] == "pingpp.payment.paid"
        assert event["subject"] not in found
        found[event["subject"]] = int(id_.partition(b"-")[0])
    assert len(found) == payments, f"{len(found)} of {payments} were published"
    return found


def _next_check(stage: Stage, order_no: str, paid_ms: int) -> float:
    document: Any = stage.client.get(f"payment:{APP}:{order_no}")
    began = json.loads(document[16:])["attempts"][0]["at_ms"]
    slot: float = next(began + 1000 * one for one in SLOTS_S if began + 1000 * one > paid_ms)
    return slot


def _looks(stage: Stage) -> int:
    """How many looks at Ping++ the workers logged."""
    lines = (stage.directory / "worker.log").read_text().splitlines()
    return sum('"checked"' in line and '"settled"' not in line for line in lines)


def _spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(median(values), 2),
        "p99": round(quantiles(values, n=100)[98], 2),
        "most": round(max(values), 2),
    }
