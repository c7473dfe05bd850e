"""Notes when the message of each request was on the stream."""

import threading
import time
from typing import Any

import msgspec
import redis

from tests.bench import corpus

SETTLE_S = 120.0  # the longest wait for messages after the last answer


class Watcher(threading.Thread):
    """Sees each message as soon as it is on the stream."""

    def __init__(self, client: redis.Redis, stream: str) -> None:
        super().__init__(daemon=True)
        self._client, self._stream = client, stream
        self._last: str | bytes = "$"
        newest: Any = client.xrevrange(stream, count=1)
        if newest:
            self._last = newest[0][0]
        self._seen: dict[int, float] = {}
        self._stopping = False

    def wait_for(self, count: int) -> dict[int, float]:
        """When the message of each request was there, once `count` were, or it takes too long."""
        until = time.time() + SETTLE_S
        while len(self._seen) < count and time.time() < until:
            time.sleep(0.02)
        self._stopping = True
        self.join()
        return self._seen

    def run(self) -> None:
        while not self._stopping:
            found: Any = self._client.xread({self._stream: self._last}, block=200)
            now = time.time()
            for _, entries in found or ():
                for id_, fields in entries:
                    self._last = id_
                    self._seen[number_in(fields[b"event"])] = now


class _Charge(msgspec.Struct):
    id: str


class _Data(msgspec.Struct):
    charge: _Charge


class _Message(msgspec.Struct):
    data: _Data


_decoder = msgspec.json.Decoder(_Message)


def number_in(message: bytes) -> int:
    """Of which request a message is."""
    return corpus.number_of(_decoder.decode(message).data.charge.id)


def read_afterwards(client: redis.Redis, stream: str, before: int, count: int) -> dict[int, float]:
    """The same without looking meanwhile: from the ids of the stream's entries, exact to a millisecond.

    `before`: how many entries there were.
    """
    until = time.time() + SETTLE_S
    while int(client.xlen(stream)) - before < count and time.time() < until:
        time.sleep(0.02)
    seen: dict[int, float] = {}
    last = "+"
    while len(seen) < count:
        entries: Any = client.xrevrange(stream, max=last, count=min(1000, count - len(seen)))
        if not entries:
            break
        for id_, fields in entries:
            seen[number_in(fields[b"event"])] = int(id_.partition(b"-")[0]) / 1000
        last = f"({id_.decode()}"
    return seen
