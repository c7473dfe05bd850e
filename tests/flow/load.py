"""Many webhooks at a rate, each sent again until it is answered 2xx, as Ping++ does."""

import asyncio
import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

import httpx

from tests.flow.kit import System
from tests.patience import PATIENCE_S

TOGETHER = 48  # requests; more would queue in httpx's pool, whose every step looks at all that wait


@dataclass(frozen=True)
class Webhook:
    """One to send, so many seconds after the beginning. `forged` ones are to be refused, and not sent again."""

    at: float
    body: bytes
    signature: str
    forged: bool = False


@dataclass
class Tally:
    """What came of the sending."""

    answers: Counter[int] = field(default_factory=Counter)
    unanswered: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    refused: int = 0

    @property
    def retries(self) -> int:
        return sum(self.answers.values()) + sum(self.unanswered.values()) - self.acknowledged - self.refused


class Load:
    """Sends `webhooks`, each until it is acknowledged."""

    def __init__(self, system: System, webhooks: Iterable[Webhook], rng: random.Random) -> None:
        self._system, self._webhooks, self._rng = system, list(webhooks), rng
        self.tally = Tally()
        self._limit: asyncio.Timeout
        self._turn = asyncio.Semaphore(TOGETHER)

    async def run(self) -> None:
        """Raises TimeoutError if for a long time none is acknowledged."""
        async with (
            asyncio.timeout(PATIENCE_S) as self._limit,
            httpx.AsyncClient(timeout=PATIENCE_S) as client,
            asyncio.TaskGroup() as group,
        ):
            for webhook in self._webhooks:
                group.create_task(self._deliver(client, webhook))

    async def _deliver(self, client: httpx.AsyncClient, webhook: Webhook) -> None:
        await asyncio.sleep(webhook.at)
        while not await self._is_settled(client, webhook):  # noqa: ASYNC110  it is sent again, not looked at
            await asyncio.sleep(self._rng.uniform(0.2, 1.0))
        self._limit.reschedule(asyncio.get_running_loop().time() + PATIENCE_S)

    async def _is_settled(self, client: httpx.AsyncClient, webhook: Webhook) -> bool:
        headers = self._system.signer.headers(webhook.body, webhook.signature)
        try:
            async with self._turn:
                answer = await client.post(
                    f"{self._system.url}/webhooks", content=webhook.body, headers=headers
                )
        except httpx.TransportError as error:
            self.tally.unanswered[type(error).__name__] += 1
            return False
        self.tally.answers[answer.status_code] += 1
        assert answer.status_code == (401 if webhook.forged else 200) or (
            answer.status_code == 500 and not webhook.forged
        ), answer.text
        if answer.status_code == 500:
            return False
        self.tally.acknowledged += not webhook.forged
        self.tally.refused += webhook.forged
        return True
