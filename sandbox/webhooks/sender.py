"""Sends webhooks, and sends them again until the merchant says 2xx."""

import asyncio
import heapq
import time

import httpx
import structlog
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.chaos import Lots
from sandbox.clock import Clock
from sandbox.store import Store
from sandbox.webhooks import keys
from sandbox.webhooks.lines import TOGETHER, Lines
from sandbox.webhooks.outbox import Attempt, Delivery, Outbox, State

# The guide to Ping++'s webhooks: at once, then at most ten times more, with these gaps in seconds.
GAPS = (5, 10, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 54_000)
COMMIT_EVERY = 0.05
PATIENCE = 0.1

log = structlog.get_logger()


class Sender:
    """One task that waits until deliveries are due, and a short task for each delivery that is being sent."""

    def __init__(
        self,
        *,
        url: str,
        key: rsa.RSAPrivateKey,
        store: Store,
        outbox: Outbox,
        clock: Clock,
        lines: Lines,
        lots: Lots,
    ) -> None:
        self._url = url
        self._key = key
        self._store = store
        self._outbox = outbox
        self._clock = clock
        self._lines = lines
        self._lots = lots
        self._due = outbox.pending()  # a heap of (due, delivery)
        heapq.heapify(self._due)
        self._under_way: dict[int, asyncio.Task[None]] = {}
        self._look_again = asyncio.Event()
        self._commit: asyncio.TimerHandle | None = None

    @property
    def outstanding(self) -> int:
        return len(self._due) + len(self._under_way)

    @property
    def behind(self) -> bool:
        """Whether a due delivery has been waiting longer than PATIENCE."""
        return bool(self._due) and self._clock.now() - self._due[0][0] > PATIENCE * self._clock.scale

    def push(self, due: float, delivery: int) -> None:
        held = self._lots.held_until(due, self._clock.now(), self._clock.scale)
        heapq.heappush(self._due, (held, delivery))
        self._look_again.set()

    def look_again(self) -> None:
        """Look at the due times again, because the clock was changed."""
        self._look_again.set()

    async def run(self) -> None:
        while True:
            self._look_again.clear()
            now = self._clock.now()
            while self._due and self._due[0][0] <= now and len(self._under_way) < TOGETHER:
                _, delivery = heapq.heappop(self._due)
                self._begin(delivery)
            wait = None
            if self._due and len(self._under_way) < TOGETHER:
                wait = max(0.0, self._due[0][0] - now) / self._clock.scale
            try:
                async with asyncio.timeout(wait):
                    await self._look_again.wait()
            except TimeoutError:
                continue

    def forget(self) -> None:
        """Drop all deliveries, after a reset."""
        self._due.clear()
        for task in self._under_way.values():
            task.cancel()

    async def finish(self, within: float) -> None:
        """Let running deliveries end. One that does not end stays due, and is sent again after a restart."""
        tasks = list(self._under_way.values())
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=within)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        if self._commit is not None:
            self._commit.cancel()

    def _begin(self, delivery: int) -> None:
        task = asyncio.create_task(self._send(delivery))
        self._under_way[delivery] = task

        def ended(task: asyncio.Task[None]) -> None:
            # On a fast clock the repeat can begin before this callback says that the first try has ended.
            if self._under_way.get(delivery) is task:
                del self._under_way[delivery]
            self._look_again.set()
            if not task.cancelled() and (error := task.exception()) is not None:
                log.error("sending broke", delivery=delivery, error=repr(error))
                self.push(self._clock.now() + GAPS[0], delivery)

        task.add_done_callback(ended)

    async def _send(self, number: int) -> None:
        delivery = self._outbox.delivery(number)
        if delivery is None:
            return
        at = time.time()
        if self._lots.drops():
            self._settle(delivery, at, 0.0, None, "chaos: dropped")
            return
        body = delivery.body(self.outstanding)
        body, signature, damaged = self._lots.damaged(body, keys.sign(self._key, body))
        headers = {
            "content-type": "application/json; charset=utf-8",
            "user-agent": "pingpp-ingest-sandbox",
            "x-pingplusplus-signature": signature,
        }
        began, status = time.perf_counter(), None
        error = None if damaged is None else f"chaos: {damaged} damaged"
        try:
            # Only the status counts; redirects are not followed, so they are failures too.
            with self._lines.free() as client:
                status = (await client.post(self._url, content=body, headers=headers)).status_code
        except httpx.HTTPError as problem:
            error = f"{type(problem).__name__}: {problem}"[:200].rstrip(": ")
        duration = round((time.perf_counter() - began) * 1000, 3)
        self._settle(delivery, at, duration, status, error)

    def _settle(
        self, delivery: Delivery, at: float, duration: float, status: int | None, error: str | None
    ) -> None:
        tries, due = delivery.tries + 1, self._clock.now()
        state: State = "pending"
        if status is not None and 200 <= status < 300:
            state = "delivered"
        elif tries > len(GAPS):
            state = "gave_up"
        else:
            due += GAPS[tries - 1]
        self._outbox.tried(delivery.seq, Attempt(tries, status, error, at, duration, state), due)
        self._commit_soon()
        if state == "pending":
            self.push(due, delivery.seq)
        level = {"delivered": log.info, "pending": log.warning, "gave_up": log.error}[state]
        level(
            "webhook",
            outcome={"pending": "unreachable" if status is None else "refused"}.get(state, state),
            event_id=delivery.event_id,
            event_type=delivery.type,
            object_id=delivery.object_id,
            attempt=tries,
            status=status,
            **({"error": error} if error else {}),
            duration_ms=duration,
        )

    def _commit_soon(self) -> None:
        """Commit soon, for many results together. If a crash loses a result, its webhook is only sent once more."""
        if self._commit is None:
            self._commit = asyncio.get_running_loop().call_later(COMMIT_EVERY, self._commit_now)

    def _commit_now(self) -> None:
        self._commit = None
        self._store.commit()
