"""`GET /livez` and `/readyz`: whether the receiver runs, and whether it can store durably."""

import time
from collections.abc import Sequence
from dataclasses import asdict

import redis.asyncio
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from processes.durability import explain, judge, look, look_async, probe_write, probe_write_async
from processes.finding import Finding

LOOK_EVERY = 1.0  # seconds; a probe that asks more often gets the last answer


async def livez(_: Request) -> Response:
    """`/livez`: 200 as long as the process answers at all."""
    return PlainTextResponse("alive\n")


class Readiness:
    """`/readyz`: 200, with warnings if there are any; 503 while Redis cannot store durably."""

    def __init__(self, client: redis.asyncio.Redis, key_prefix: str) -> None:
        self._client = client
        self._key_prefix = key_prefix
        self._at = 0.0
        self._found: list[Finding] = []

    async def _look(self) -> list[Finding]:
        problem = await probe_write_async(self._client, self._key_prefix)
        if problem:
            return [problem]
        try:
            return judge(*await look_async(self._client))
        except (redis.RedisError, OSError) as error:
            return [explain(error)]

    async def readyz(self, _: Request) -> Response:
        """The answer, as JSON."""
        now = time.monotonic()
        if now - self._at > LOOK_EVERY:
            self._found = await self._look()
            self._at = now
        ready = not refusals(self._found)
        content = {"ready": ready, "findings": [asdict(one) for one in self._found]}
        return JSONResponse(content, 200 if ready else 503, headers={"Cache-Control": "no-store"})


def refusals(findings: Sequence[Finding]) -> list[Finding]:
    """The findings that mean: an acknowledged webhook could be lost."""
    return [one for one in findings if one.level == "refuse"]


def check_at_start(client: redis.Redis, key_prefix: str) -> list[Finding]:
    """The findings before the receiver serves, looked at once."""
    problem = probe_write(client, key_prefix)
    return [problem] if problem else judge(*look(client))
