"""The connections that webhooks are sent over."""

import contextlib
from collections.abc import Iterator

import httpx

TOGETHER = 64  # webhooks that are being sent at the same time, at most
_EACH = 8


class Lines:
    """Several small pools of connections.

    httpx walks its whole pool several times at each request, so one big pool would cost more than signing.
    """

    def __init__(self, transport: httpx.AsyncBaseTransport | None = None) -> None:
        limits = httpx.Limits(max_connections=_EACH, max_keepalive_connections=_EACH)
        # The certificates of all authorities are read once, because that takes time.
        verify = httpx.create_ssl_context(trust_env=False) if transport is None else False
        self._clients = [
            httpx.AsyncClient(transport=transport, verify=verify, limits=limits, timeout=10, trust_env=False)
            for _ in range(TOGETHER // _EACH)
        ]
        self._busy = [0] * len(self._clients)

    @contextlib.contextmanager
    def free(self) -> Iterator[httpx.AsyncClient]:
        """A client with a free connection. The first clients are filled first, so that few connections stay open."""
        number = next((n for n, busy in enumerate(self._busy) if busy < _EACH), 0)
        self._busy[number] += 1
        try:
            yield self._clients[number]
        finally:
            self._busy[number] -= 1

    async def close(self) -> None:
        for client in self._clients:
            await client.aclose()
