"""Calls to others over HTTP: TLS, time-outs, and whether one that failed was surely not made. All of httpx is here."""

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
    """The other side was not reached: the call was surely not made."""


class NotAnswered(RuntimeError):
    """Whether the call was made, the other side alone knows."""


class Http:
    """One pool of connections, open between `open` and `close`."""

    def __init__(self) -> None:
        self._client: httpx.AsyncClient | None = None

    async def open(self, headers: Mapping[str, str], transport: Transport | None = None) -> None:
        """`headers` go with each request."""
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT, verify=_trusted(), transport=transport, headers=headers
        )

    async def close(self) -> None:
        if self._client is not None:
            await self._client.aclose()

    def request(self, method: str, url: str, content: bytes, headers: Mapping[str, str]) -> Request:
        """A request as it will go out, to be signed where that is needed."""
        return self._opened.build_request(method, url, content=content, headers=headers)

    async def send(self, request: Request) -> Response:
        """Send it, once. Raises NotReached and NotAnswered."""
        try:
            return await self._opened.send(request)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.PoolTimeout,
            httpx.UnsupportedProtocol,
        ) as error:
            raise NotReached(type(error).__name__) from None
        except httpx.RequestError as error:  # one that cannot be decoded, too
            raise NotAnswered(type(error).__name__) from None

    @property
    def _opened(self) -> httpx.AsyncClient:
        assert self._client is not None, "use it as a context manager"  # noqa: S101
        return self._client


@cache
def _trusted() -> ssl.SSLContext:
    """Reading the certificates takes longer than a call: once for a process."""
    return httpx.create_ssl_context()
