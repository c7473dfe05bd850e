"""Wakes requests that wait for a payment to change: one look at Redis for all of them, five times a second."""

import asyncio
from collections import defaultdict

import redis.asyncio
import structlog
from redis.exceptions import RedisError

from payments.books.document import TOKEN_BYTES
from payments.keys import Keys

# A page shows a change after so long at most. A thousand waiting requests cost one call to Redis each time.
EVERY_S = 0.2

log = structlog.get_logger()


class Following:
    """Waits for payment documents to change. It asks Redis only while a request waits."""

    def __init__(self, client: redis.asyncio.Redis, keys: Keys) -> None:
        self._client = client
        self._keys = keys
        self._waiting: defaultdict[str, list[tuple[bytes, asyncio.Future[None]]]] = defaultdict(list)
        self._task: asyncio.Task[None] | None = None
        self.leaving = False  # the process is stopping: no request may wait again
        self._unreachable = False

    async def changed(self, name: str, seen: bytes, seconds: float) -> bool:
        """Wait until the payment `name` has another token than `seen`, for so many seconds at most.

        Returns whether it has.
        """
        if self.leaving:
            return False
        mine = seen, asyncio.get_running_loop().create_future()
        self._waiting[name].append(mine)
        if self._task is None:
            self._task = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await mine[1]
        except TimeoutError:
            return False
        finally:
            self._waiting[name].remove(mine)
            if not self._waiting[name]:
                del self._waiting[name]
        return not self.leaving

    def leave(self) -> None:
        """The process is stopping: wake all waiting requests."""
        self.leaving = True
        for waiting in self._waiting.values():
            for _, told in waiting:
                if not told.done():
                    told.set_result(None)

    async def close(self) -> None:
        """Stop looking at Redis."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def _look(self) -> None:
        try:
            while self._waiting:
                await asyncio.sleep(EVERY_S)
                names = list(self._waiting)
                try:
                    tokens = await self._tokens(names)
                except (RedisError, OSError) as error:
                    # The waiting requests go on waiting, and a new request is told of the error itself.
                    if not self._unreachable:  # one line for the whole time, not five a second
                        log.warning("changes cannot be read", error=f"{type(error).__name__}: {error}")
                    self._unreachable = True
                    continue
                self._unreachable = False
                for name, token in zip(names, tokens, strict=True):
                    for seen, told in self._waiting.get(name, ()):
                        if token != seen and not told.done():
                            told.set_result(None)
        finally:
            self._task = None

    async def _tokens(self, names: list[str]) -> list[bytes]:
        if not names:
            return []
        pipeline = self._client.pipeline(transaction=False)
        for name in names:
            pipeline.getrange(self._keys.payment(name), 0, TOKEN_BYTES - 1)
        found: list[bytes] = await pipeline.execute()
        return found
