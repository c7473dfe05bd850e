"""`python -m tests.bench`: measures, prints the figures beside what is promised, and writes them as JSON."""

import argparse
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.bench import checkout, corpus, machine, measures, report, taking
from tests.bench.measures import WARM_UP, Plan
from tests.bench.stage import Stage

FULL = Plan(events=20_000, textbook_events=600)
QUICK = Plan(
    events=5_000,
    textbook_events=150,
    rounds=2,
    end_to_end_rounds=1,
    seconds=1.0,
    light_seconds=5.0,
    busy_seconds=2.0,
)
BUSY = 0.5  # the load average from which on figures are worth little
MEASURES = {
    "receiver": measures.receiver,
    "end-to-end": measures.end_to_end,
    "light": measures.light,
    "taking": taking.taking,
    "checkout": checkout.pages,
    "fallback": taking.fallback,
}


def main() -> int:
    """Returns the exit status: 0 also where a promise is missed, for the machine may be to blame."""
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="less of everything, in less than a minute")
    parser.add_argument("--only", choices=MEASURES, action="append", help="may be given more than once")
    parser.add_argument("--json", type=Path, default=Path("bench.json"), help="where to write the figures")
    given = parser.parse_args()
    plan = QUICK if given.quick else FULL
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{time.monotonic() - began:5.0f} s  {text}", file=sys.stderr, flush=True)

    busy = os.getloadavg()[0]
    if busy > BUSY:
        say(
            f"others keep this machine busy (load {busy:.1f}): ours, with its several processes, suffers most"
        )
    with tempfile.TemporaryDirectory(prefix="pingpp-bench-") as directory:
        say(f"making and signing {plan.events + WARM_UP:,} events")
        made = corpus.make(Path(directory), plan.events + WARM_UP, os.cpu_count() or 1)
        with Stage(made) as stage:
            described = machine.describe(stage.client)
        figures: dict[str, Any] = {
            name.replace("-", "_"): measure(made, plan, say)
            for name, measure in MEASURES.items()
            if not given.only or name in given.only
        }
    result = {
        "at": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        "machine": described,
        "load_before": round(busy, 2),
        "plan": {name: getattr(plan, name) for name in plan.__slots__},
        "mean_body_bytes": round(made.mean_body),
        "figures": figures,
        "promises": report.promises(figures),
    }
    given.json.write_text(json.dumps(result, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    report.print_tables(result)
    say(f"written to {given.json}")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
