"""`GET /metrics` for Prometheus. Every receiver answers the same, because all values come from Redis."""

import asyncio
from collections.abc import Iterator
from typing import Any

from redis.exceptions import RedisError
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response

from payments.metrics import families
from payments.store import Store


class Metrics:
    """Reads Redis at each request (`payments/metrics.py`). If Redis is unreachable: 503, so Prometheus sets `up` to 0."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def metrics(self, _: Request) -> Response:
        """The answer, in Prometheus's text format."""
        from prometheus_client import CONTENT_TYPE_LATEST, generate_latest  # noqa: PLC0415  not in the start

        try:
            collected: Any = _Collected(await asyncio.to_thread(lambda: list(families(self._store))))
        except (RedisError, OSError) as error:
            return PlainTextResponse(f"Redis is unreachable: {type(error).__name__}\n", 503)
        return Response(generate_latest(collected), media_type=CONTENT_TYPE_LATEST)


class _Collected:
    """Families as a registry, as `generate_latest` needs them."""

    def __init__(self, families: list[Any]) -> None:
        self._families = families

    def collect(self) -> Iterator[Any]:
        """The families."""
        yield from self._families
