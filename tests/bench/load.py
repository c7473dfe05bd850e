"""The load: sends signed requests over keep-alive connections, in a process of its own, and says what it saw.

`python -m tests.bench.load` reads one order as JSON from stdin and writes its result as JSON to stdout.
"""

import asyncio
import sys
import time
from array import array
from collections import Counter, deque
from pathlib import Path
from typing import Any, cast

import msgspec
import redis
import uvloop

from tests.bench import corpus
from tests.bench.watch import Watcher, read_afterwards


class Order(msgspec.Struct):
    """What to send: `count` requests from number `first`, over `connections`.

    Closed loop (each connection sends its next request on the answer to its last) for at most `seconds`; with
    `rate`, an open loop of so many a second. `wrap`: begin again at the end. With `stream`, wait until a message
    of each request that was accepted is there; `live`: see them at once by XREAD, else read them afterwards.
    """

    port: int
    requests: str
    first: int
    count: int
    connections: int = 64
    seconds: float = 600.0
    rate: float = 0.0
    wrap: bool = False
    redis_url: str = ""
    stream: str = ""
    live: bool = False


class Connection(asyncio.Protocol):
    """One keep-alive connection. What it gets is cut into answers no more than it takes to count them."""

    def __init__(self, run: "Run") -> None:
        self._run = run
        self._got = b""
        self._transport: asyncio.Transport | None = None
        self._number = -1
        self._began = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's own, which is none by its class

    def connection_lost(self, exc: Exception | None) -> None:
        del exc
        self._transport = None
        if self._number >= 0:
            self._number = -1
            self._run.answered(self, 0, 0.0)

    def send(self, number: int, due: float | None = None) -> None:
        """Send request `number`, which was due at `due` if that is earlier than now."""
        now = time.time()
        self._number, self._began = number, now if due is None else due
        self._run.sent[number] = self._began
        if self._transport is None:
            self._number = -1
            self._run.answered(self, 0, 0.0)
        else:
            self._transport.write(self._run.requests[number])

    def data_received(self, data: bytes) -> None:
        got = self._got + data if self._got else data
        head = got.find(b"\r\n\r\n")
        if head >= 0:
            length = got.find(b"content-length: ", 0, head)
            body = int(got[length + 16 : got.index(b"\r", length)]) if length >= 0 else 0
            if len(got) >= head + 4 + body:
                self._got, self._number = b"", -1
                self._run.answered(self, int(got[9:12]), time.time() - self._began)
                return
        self._got = got


class Run:
    """Carries out one order."""

    def __init__(self, order: Order, requests: list[bytes]) -> None:
        self.order = order
        self.requests = requests
        self.sent: dict[int, float] = {}
        self.latencies = array("d")
        self.statuses: Counter[int] = Counter()
        self._next = order.first
        self._end = order.first + order.count
        self._until = 0.0
        self._flying = 0
        self._finished = asyncio.Event()
        self._idle: deque[Connection] = deque()
        self._late: deque[tuple[int, float]] = deque()

    async def go(self) -> tuple[float, float]:
        """Send it all. Returns when it began and when the last answer came."""
        loop = asyncio.get_running_loop()
        connections = [
            (await loop.create_connection(lambda: Connection(self), "127.0.0.1", self.order.port))[1]
            for _ in range(self.order.connections)
        ]
        began = time.time()
        self._until = began + self.order.seconds
        if self.order.rate:
            self._idle.extend(connections)
            await self._open_loop()
        else:
            for connection in connections:
                self._flying += 1
                self._more(connection)
        await self._finished.wait()
        return began, time.time()

    def answered(self, connection: Connection, status: int, latency: float) -> None:
        """An answer came; 0: the connection was lost."""
        self.statuses[status] += 1
        if status == 200:
            self.latencies.append(latency)
        if not self.order.rate:
            self._more(connection)
            return
        if self._late:
            connection.send(*self._late.popleft())
            return
        self._idle.append(connection)
        self._flying -= 1
        if not self._flying and self._next == self._end:
            self._finished.set()

    def _more(self, connection: Connection) -> None:
        if self._next == self._end and self.order.wrap:
            self._next = self.order.first
        if self._next < self._end and time.time() < self._until and not self.statuses[0]:
            number, self._next = self._next, self._next + 1
            connection.send(number)
            return
        self._flying -= 1
        if not self._flying:
            self._finished.set()

    async def _open_loop(self) -> None:
        began = time.time()
        while self._next < self._end:
            due = began + (self._next - self.order.first) / self.order.rate
            if due > time.time():
                await asyncio.sleep(due - time.time())
            number, self._next = self._next, self._next + 1
            if self._idle:
                self._flying += 1
                self._idle.popleft().send(number, due if due < time.time() - 0.001 else None)
            else:
                self._late.append((number, due))


def carry_out(order: Order) -> dict[str, Any]:
    """The result of an order: times in seconds, latencies in milliseconds."""
    requests = corpus.read(Path(order.requests))
    client = redis.Redis.from_url(order.redis_url) if order.stream else None
    watcher = Watcher(client, order.stream) if client and order.live else None
    if watcher:
        watcher.start()
    before = int(client.xlen(order.stream)) if client else 0

    async def go() -> tuple[Run, float, float]:
        run = Run(order, requests)
        return run, *await run.go()

    run, began, ended = uvloop.run(go())
    accepted = run.statuses[200]
    result: dict[str, Any] = {
        "accepted": accepted,
        "others": {str(status): n for status, n in run.statuses.items() if status != 200},
        "seconds": ended - began,
        "answer_ms": percentiles(run.latencies),
        "load_cpu_s": time.process_time(),
    }
    if client:
        seen = (
            watcher.wait_for(accepted) if watcher else read_afterwards(client, order.stream, before, accepted)
        )
        late = [seen[number] - run.sent[number] for number in seen.keys() & run.sent.keys()]
        result |= {
            "messages": len(seen),
            "until_last_message": max(seen.values(), default=ended) - began,
            "message_ms": percentiles(late),
        }
    return result


def percentiles(seconds: Any) -> dict[str, float]:
    """Of latencies, in milliseconds."""
    found = sorted(seconds)
    if not found:
        return {}
    at = {"p50": 0.5, "p90": 0.9, "p99": 0.99}
    values = {name: found[min(len(found) - 1, int(share * len(found)))] for name, share in at.items()}
    return {name: round(1000 * value, 2) for name, value in {**values, "max": found[-1]}.items()}


if __name__ == "__main__":
    given = msgspec.json.decode(sys.stdin.buffer.read(), type=Order)
    sys.stdout.buffer.write(msgspec.json.encode(carry_out(given)))
