"""The consumer in docs/fulfilment.md, as it is written: told of each payment, through idle times and a killed Redis."""

import re
import subprocess
import sys
import time
from pathlib import Path

import httpx

from tests.flow.kit import System
from tests.patience import PATIENCE_S, until

DOC = Path(__file__).parent.parent.parent / "docs" / "fulfilment.md"


def test_the_documented_consumer_hears_of_each_payment(system: System) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", DOC.read_text(), re.DOTALL)
    program, heard = system.directory / "consumer.py", system.directory / "heard"
    program.write_text(code)
    url = (system.directory / "data/redis/url").read_text().strip()
    with heard.open("wb") as out, subprocess.Popen([sys.executable, program, url], stdout=out) as consumer:
        try:
            told: set[str] = set()
            for turn in range(3):
                made = httpx.post(
                    f"{system.sandbox_url}/sandbox/trigger", json={"livemode": True}, timeout=PATIENCE_S
                ).json()
                told.add(made["events"][0]["order_no"])
                until(lambda: all(order in heard.read_text() for order in told), "it heard of it")
                if turn == 0:
                    time.sleep(6)  # idle for longer than its blocking read
                if turn == 1:
                    system.kill("redis")
                    system.tend()
                    until(lambda: system.works("redis") and system.works("receiver"), "Redis is back")
            assert consumer.poll() is None
            lines = [line.split()[1] for line in heard.read_text().splitlines()]
            assert sorted(set(lines)) == sorted(f"paid:{order}" for order in told)
        finally:
            consumer.kill()
