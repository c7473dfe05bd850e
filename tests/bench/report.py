"""Says what the figures mean: a table, and each promise beside what was measured."""

from collections.abc import Iterator
from statistics import median
from typing import Any

from rich.console import Console
from rich.table import Table

RECEIVER_OF_BARE = 0.5
TIMES_TEXTBOOK = 50
LIGHT_P50_MS = 10
CREATE_ADDS_MS = 5
POLL_MS = 3
PAGES_MIB = 100
TO_PAID_MS = 1000
CHECK_LATE_MS = 2000
RETRIEVES = 0.05


def promises(figures: dict[str, Any]) -> list[dict[str, Any]]:
    """What is promised, as far as it was measured."""
    return [
        {"promise": text, "measured": measured, "bound": bound, "kept": kept}
        for text, measured, bound, kept in _promises(figures)
    ]


def _promises(figures: dict[str, Any]) -> Iterator[tuple[str, float, str, bool]]:
    if "receiver" in figures:
        found = figures["receiver"]
        of_bare = _ratio(found["receiver"], found["bare"])
        yield "receiver, of a bare endpoint", of_bare, f"≥ {RECEIVER_OF_BARE}", of_bare >= RECEIVER_OF_BARE
        of_verifying = _ratio(found["receiver"], found["verifying"])
        yield "receiver, of an endpoint that verifies", of_verifying, "≥ 1", of_verifying >= 1
    if "end_to_end" in figures:
        found = figures["end_to_end"]
        times = round(_ratio(found["ours"], found["textbook"]), 1)
        yield "end to end, times the textbook", times, f"≥ {TIMES_TEXTBOOK}", times >= TIMES_TEXTBOOK
    if "light" in figures:
        p50 = figures["light"]["light"]["message_ms"]["p50"]
        yield "light load, webhook to message, p50 in ms", p50, f"< {LIGHT_P50_MS}", p50 < LIGHT_P50_MS

    yield from _promises_of_taking(figures)


def _promises_of_taking(figures: dict[str, Any]) -> Iterator[tuple[str, float, str, bool]]:
    if "taking" in figures:
        added, poll = figures["taking"]["added_ms"], figures["taking"]["poll"]["p50"]
        yield (
            "create, more than the gateway's own, p50 in ms",
            added,
            f"< {CREATE_ADDS_MS}",
            added < CREATE_ADDS_MS,
        )
        yield "status poll, p50 in ms", poll, f"< {POLL_MS}", poll < POLL_MS
    if "checkout" in figures:
        mib, late = figures["checkout"]["mib"], figures["checkout"]["to_paid_ms"]["most"]
        more = round(mib["with_pages"] - mib["before"], 1)
        yield "1,000 open checkout pages, MiB more", more, f"< {PAGES_MIB}", more < PAGES_MIB
        yield "and all of them paid within ms", late, f"< {TO_PAID_MS}", late < TO_PAID_MS
    if "fallback" in figures:
        late = figures["fallback"]["lost"]["late_ms"]["most"]
        yield (
            "webhooks lost: ms after the next check, at most",
            late,
            f"< {CHECK_LATE_MS}",
            late < CHECK_LATE_MS,
        )
        calls = figures["fallback"]["kept"]["retrieves_per_payment"]
        yield "webhooks kept: retrieves a payment", calls, f"< {RETRIEVES}", calls < RETRIEVES


def _ratio(one: dict[str, Any], other: dict[str, Any]) -> float:
    """The median of the rounds' ratios: each round is measured in one go, so that noise cancels out."""
    ratios: list[float] = [a / b for a, b in zip(one["rates"], other["rates"], strict=True)]
    return round(median(ratios), 3)


def print_tables(result: dict[str, Any]) -> None:
    """For a person, to stdout."""
    console = Console(highlight=False)
    figures = result["figures"]
    if "receiver" in figures:
        table = _table("servers alone, at capacity", "requests/s", "p50 ms", "p99 ms", "own µs", "Redis µs")
        for name, one in figures["receiver"].items():
            cpu = one["cpu_us"]
            took = (_number(cpu.get(name)), _number(cpu["redis"]) if name in ("receiver", "textbook") else "")
            answer = one["answer_ms"]
            table.add_row(name, _number(one["rate"]), str(answer["p50"]), str(answer["p99"]), *took)
        console.print(table)
    if "end_to_end" in figures:
        table = _table("end to end, at capacity", "events/s", "p50 ms", "p99 ms", "processor µs per event")
        for name, one in figures["end_to_end"].items():
            costs = ", ".join(f"{who} {_number(us)}" for who, us in one["cpu_us"].items())
            message = one["message_ms"]
            table.add_row(name, _number(one["rate"]), _number(message["p50"]), _number(message["p99"]), costs)
        console.print(table)
    if "light" in figures:
        table = _table("webhook to message", "events/s", "p50 ms", "p90 ms", "p99 ms", "answer p50 ms")
        for name, one in figures["light"].items():
            message = one["message_ms"]
            cells = [str(message[share]) for share in ("p50", "p90", "p99")]
            table.add_row(name, _number(one["rate"]), *cells, str(one["answer_ms"]["p50"]))
        console.print(table)
    table = _table("promises", "measured", "promised", "")
    for one in result["promises"]:
        table.add_row(
            one["promise"], f"{one['measured']:g}", one["bound"], "kept" if one["kept"] else "MISSED"
        )
    console.print(table)


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold")
    table.add_column("")
    for column in columns:
        table.add_column(column, justify="right")
    return table


def _number(value: float | None) -> str:
    if value is None:
        return "?"
    return f"{value:,.0f}" if value >= 100 else f"{value:g}"
