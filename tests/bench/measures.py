"""The three measurements. Contenders take turns, round by round, so that a noisy machine is noisy for all."""

import statistics
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.bench.corpus import Corpus
from tests.bench.stage import Stage
from tests.bench.textbook import STREAM as TEXTBOOK_STREAM

WARM_UP = 200  # requests before each measurement; the corpus has so many more
TEXTBOOK_WORKERS = 2  # as many as our pool has for events


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    events: int
    textbook_events: int
    connections: int = 128
    rounds: int = 5
    end_to_end_rounds: int = 3
    seconds: float = 2.5
    light_rate: float = 20.0
    light_seconds: float = 20.0
    busy_rate: float = 1000.0
    busy_seconds: float = 6.0


Say = Callable[[str], None]


def receiver(corpus: Corpus, plan: Plan, say: Say) -> dict[str, Any]:
    """Requests a second of each server alone, at capacity; no workers run."""
    rounds: dict[str, list[dict[str, Any]]] = {}
    with Stage(corpus) as stage:
        ports = {
            "bare": stage.start_baseline(verifies=False),
            "verifying": stage.start_baseline(verifies=True),
            "receiver": stage.start_receiver(),
            "textbook": stage.start_textbook(),
        }
        for port in ports.values():
            stage.load(port, plan.events, WARM_UP)
            stage.client.flushall()
        for number in range(plan.rounds):
            for name, port in ports.items():
                before = stage.spent()
                wrap = name in ("bare", "verifying")  # what they get again costs them the same
                result = stage.load(
                    port, 0, plan.events, connections=plan.connections, seconds=plan.seconds, wrap=wrap
                )
                result["rate"] = result["accepted"] / result["seconds"]
                result["cpu_us"] = _per_event(before, stage.spent(), result["accepted"], {name, "redis"})
                rounds.setdefault(name, []).append(result)
                stage.client.flushall()
            rates = ", ".join(f"{name} {found[-1]['rate']:,.0f}/s" for name, found in rounds.items())
            say(f"receiver, round {number + 1} of {plan.rounds}: {rates}")
    return {name: _medians(found, ("rate",), ("answer_ms", "cpu_us")) for name, found in rounds.items()}


def end_to_end(corpus: Corpus, plan: Plan, say: Say) -> dict[str, Any]:
    """Events a second from the first request to the last message, the load coming as fast as it is taken."""
    rounds: dict[str, list[dict[str, Any]]] = {"ours": [], "textbook": []}
    for number in range(plan.end_to_end_rounds):
        with Stage(corpus) as stage:
            port = stage.start_receiver()
            stage.start_workers()
            rounds["ours"].append(_through(stage, port, plan.events, plan, "fulfilment"))
        with Stage(corpus) as stage:
            port = stage.start_textbook(TEXTBOOK_WORKERS)
            rounds["textbook"].append(_through(stage, port, plan.textbook_events, plan, TEXTBOOK_STREAM))
        rates = ", ".join(f"{name} {found[-1]['rate']:,.0f}/s" for name, found in rounds.items())
        say(f"end to end, round {number + 1} of {plan.end_to_end_rounds}: {rates}")
    return {name: _medians(found, ("rate",), ("message_ms", "cpu_us")) for name, found in rounds.items()}


def light(corpus: Corpus, plan: Plan, say: Say) -> dict[str, Any]:
    """Latency from just before the request to seeing the message, at rates far below capacity."""
    found = {}
    with Stage(corpus) as stage:
        port = stage.start_receiver()
        stage.start_workers()
        stage.load(port, plan.events, WARM_UP, stream="fulfilment")
        first = 0
        for name, rate, seconds in (
            ("light", plan.light_rate, plan.light_seconds),
            ("busy", plan.busy_rate, plan.busy_seconds),
        ):
            count = int(rate * seconds)
            result = stage.load(port, first, count, rate=rate, stream="fulfilment", live=True, connections=8)
            first += count
            found[name] = {"rate": rate, "answer_ms": result["answer_ms"], "message_ms": result["message_ms"]}
            say(f"at {rate:g} events/s: webhook to message p50 {result['message_ms']['p50']} ms")
    return found


def _through(stage: Stage, port: int, count: int, plan: Plan, stream: str) -> dict[str, Any]:
    # What was not there at once, as a job of RQ still on its way, is by the end of the warm-up.
    stage.load(port, plan.events, min(WARM_UP, count // 2), stream=stream)
    before = stage.spent()
    result = stage.load(port, 0, count, connections=plan.connections, stream=stream)
    if result["messages"] != count:
        raise RuntimeError(f"{result['messages']} messages for {count} events")
    result["rate"] = count / result["until_last_message"]
    result["cpu_us"] = _per_event(before, stage.spent(), count)
    result["cpu_us"]["load"] = round(1e6 * result["load_cpu_s"] / count, 1)
    return result


def _per_event(
    before: dict[str, float], after: dict[str, float], count: int, only: Iterable[str] | None = None
) -> dict[str, float]:
    names = before.keys() & after.keys() & set(only if only is not None else after)
    return {name: round(1e6 * (after[name] - before[name]) / count, 1) for name in sorted(names)}


def _medians(rounds: list[dict[str, Any]], values: Iterable[str], tables: Iterable[str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: round(statistics.median(one[name] for one in rounds), 1) for name in values
    }
    for table in tables:
        found[table] = {
            name: round(statistics.median(one[table][name] for one in rounds), 2) for name in rounds[0][table]
        }
    found["rates"] = [round(one["rate"], 1) for one in rounds]
    return found
