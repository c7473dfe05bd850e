"""What open checkout pages cost a receiver, and how soon they turn to paid.

Real receiver, real Redis, one SSE connection a page; all payments are paid one after the other.
"""

import asyncio
import contextlib
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import redis

from processes import redis_server
from tests.bench.corpus import Corpus
from tests.bench.measures import Plan, Say
from tests.bench.stage import ROOT
from tests.ingest.checkout.kit import Books
from tests.ports import free_port

PAGES = 1_000
POLLS = 2_000
WITHIN_S = 30.0


class Page:
    """An open page's stream; `paid_at` is when it was told of the payment."""

    def __init__(self, port: int, token: str) -> None:
        self._port, self._token = port, token
        self.paid_at = 0.0
        self.open = asyncio.Event()

    async def read(self) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", self._port, limit=4096)
        writer.write(f"GET /checkout/{self._token}/events HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
        with contextlib.closing(writer):
            async for line in reader:
                if line.startswith(b"data: {"):
                    self.open.set()
                    if json.loads(line[6:])["status"] == "paid":
                        self.paid_at = time.perf_counter()
                        return


async def poll(port: int, token: str, count: int) -> list[float]:
    """Milliseconds of each status poll, one after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    took = []
    with contextlib.closing(writer):
        for _ in range(count):
            began = time.perf_counter()
            writer.write(f"GET /checkout/{token}/status HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            head = await reader.readuntil(b"\r\n\r\n")
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r")[0]))
            took.append(1000 * (time.perf_counter() - began))
    return took


@contextlib.asynccontextmanager
async def receiver(redis_url: str, directory: Path) -> AsyncIterator[tuple[int, subprocess.Popen[bytes]]]:
    """One receiver that serves nothing but checkouts."""
    port = free_port()
    ours = {"REDIS_URL": redis_url, "SERVE": "checkout", "PORT": str(port), "PYTHONPATH": str(ROOT)}
    with (directory / "receiver.log").open("wb") as log:
        process = subprocess.Popen(  # noqa: ASYNC220  nothing else waits meanwhile
            [sys.executable, "-m", "ingest"], cwd=directory, env={**os.environ, **ours}, stderr=log
        )
    try:
        while True:
            with contextlib.suppress(ConnectionError):
                (await asyncio.open_connection("127.0.0.1", port))[1].close()
                break
            await asyncio.sleep(0.05)
        yield port, process
    finally:
        if process.poll() is None:
            process.terminate()
        await asyncio.to_thread(process.wait, 20)


def resident_mib(pid: int) -> float:
    """What the process holds of memory (Linux)."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * resource.getpagesize() / 2**20


def spread(values: list[float]) -> dict[str, float]:
    return {
        "p50": round(median(values), 2),
        "p99": round(quantiles(values, n=100)[98], 2),
        "most": round(max(values), 2),
    }


def pay(books: Books) -> list[float]:
    """Pay them all; when each was recorded."""
    at = []
    for number in range(1, PAGES + 1):
        books.pay(number)
        at.append(time.perf_counter())
    return at


async def measure(directory: Path) -> dict[str, Any]:
    with redis_server.start(directory) as running, redis.Redis.from_url(running.url) as client:
        books = Books(client)
        tokens = [books.open(number) for number in range(1, PAGES + 1)]
        spare = books.open(PAGES + 1)
        async with receiver(running.url, directory) as (port, process):
            await poll(port, spare, 200)
            found: dict[str, Any] = {"pages": PAGES, "poll_ms": spread(await poll(port, spare, POLLS))}
            before = resident_mib(process.pid)
            pages = [Page(port, token) for token in tokens]
            reading = [asyncio.create_task(page.read()) for page in pages]
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*(page.open.wait() for page in pages))
            await asyncio.sleep(2)
            found["mib"] = {"before": round(before, 1), "with_pages": round(resident_mib(process.pid), 1)}
            found["poll_ms_beside_them"] = spread(await poll(port, spare, POLLS))
            paid = await asyncio.to_thread(pay, books)
            async with asyncio.timeout(WITHIN_S):
                await asyncio.gather(*reading)
            late = [1000 * (page.paid_at - at) for page, at in zip(pages, paid, strict=True)]
            found["to_paid_ms"] = spread(late)
            found["mib"]["afterwards"] = round(resident_mib(process.pid), 1)
        return found


def pages(_: Corpus, __: Plan, say: Say) -> dict[str, Any]:
    """What a thousand open pages cost, and how soon they turn to paid."""
    with tempfile.TemporaryDirectory(prefix="pingpp-bench-") as directory:
        found = asyncio.run(measure(Path(directory)))
    more = found["mib"]["with_pages"] - found["mib"]["before"]
    say(f"{found['pages']} open pages: {more:.0f} MiB more, paid within {found['to_paid_ms']['most']} ms")
    return found
