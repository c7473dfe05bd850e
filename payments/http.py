"""Calls to other servers over HTTP: TLS, time-outs, and whether a failed call was surely not made. Only user
of httpx.
"""

import ssl
from collections.abc import Mapping
from functools import cache
from typing import TypeAlias

import httpx

Request: TypeAlias = httpx.Request
Response: TypeAlias = httpx.Response
Transport: TypeAlias = httpx.AsyncBaseTransport

TIMEOUT = httpx.Timeout(15.0, connect=5.0)  # seconds


class NotReached(RuntimeError):
    """The server was not reached: the call was surely not made."""


class NotAnswered(RuntimeError):
    """There was no answer that can be read: the call may have been made."""


class Http:
    """One pool of connections, open between `open` and `close`."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def open(self, headers: Mapping[str, str], transport: Transport | None = None) -> None:
        """Open the pool; `headers` go with each request."""
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT, verify=_trusted(), transport=transport, headers=headers
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def request(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Request:
        """Build a request exactly as it will be sent, so that it can be signed."""
        return self._opened.build_request(method, url, content=content, headers=headers)

    async def send(self, request: Request) -> Response:
        """Send a request, once. Raises NotReached and NotAnswered."""
        try:
            return await self._opened.send(request)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise NotReached(type(error).__name__) from None
        except httpx.RequestError as error:  # also an answer that cannot be decoded
            raise NotAnswered(type(error).__name__) from None

    @property
    def _opened(self) -> httpx.AsyncClient:
        assert self._client is not None, "use it as a context manager"  # noqa: S101
        return self._client


@cache
def _trusted() -> ssl.SSLContext:
    """Read the trusted certificates once for a process, because that takes longer than a call."""
    return httpx.create_ssl_context()
