"""Speaks to Ping++: the only file that knows its addresses, and the only one of the product that knows httpx.

Every call has one of three ends: an object, a refusal (Ping++ answered: known), or no answer that counts
(`Unanswered`: a timeout, a reset, a limit, a 5xx). What the last one left behind is never guessed, but asked.
"""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import httpx
import stamina
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from payments.signature import sign_request

TIMEOUT = httpx.Timeout(15.0, connect=5.0)  # seconds
TRIES = 3  # of one reading call, within TRIES_FOR; what fails longer is due again later
TRIES_FOR = 20.0  # seconds
_PAGE = 100  # objects in a page of a list, the most that Ping++ gives


class GatewayError(RuntimeError):
    """Ping++ did not give what was asked for. `status` is the HTTP status, None where there was no answer."""

    def __init__(self, message: str, status: int | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.status = status
        self.code = code


class Unanswered(GatewayError):
    """Unknown outcome: no answer, a limit (403, 429) or an error on their side (5xx). Ask again later."""


class Refused(GatewayError):
    """Ping++ answered that it will not: known outcome."""


class NotFound(Refused):
    """Ping++ knows no such object in this account and mode."""


@dataclass(slots=True)
class Gateway:
    """The calls that we make, on one connection pool. Use it as an async context manager.

    `api_base` has no path; `key` is `sk_live_…` or `sk_test_…`; `private_key` signs each request, as the official
    SDKs do (Ping++ docs: request signature).
    """

    api_base: str
    key: str
    private_key: RSAPrivateKey | None = None
    transport: httpx.AsyncBaseTransport | None = None
    _client: httpx.AsyncClient | None = None

    async def __aenter__(self) -> Self:
        self._client = httpx.AsyncClient(
            timeout=TIMEOUT,
            transport=self.transport,
            headers={"Authorization": f"Bearer {self.key}", "User-Agent": "pingpp-ingest"},
        )
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._client is not None:
            await self._client.aclose()

    async def retrieve_charge(self, charge_id: str) -> dict[str, Any]:
        """`GET /v1/charges/{id}`. Raises NotFound, Refused or Unanswered."""
        return await self._read(f"/v1/charges/{quote(charge_id, safe='')}")

    async def list_refunds(self, charge_id: str) -> AsyncIterator[dict[str, Any]]:
        """All refunds of a charge, newest first, page by page. Raises as `retrieve_charge`."""
        after: dict[str, str] = {}
        while True:
            query = urlencode({"limit": _PAGE, **after})
            page = await self._read(f"/v1/charges/{quote(charge_id, safe='')}/refunds?{query}")
            refunds = page.get("data") or []
            for refund in refunds:
                yield refund
            if not page.get("has_more") or not refunds:
                return
            after = {"starting_after": refunds[-1]["id"]}

    async def _read(self, uri: str) -> dict[str, Any]:
        """GET, which can be made again: with retries and backoff on what may pass by itself."""
        async for attempt in stamina.retry_context(on=Unanswered, attempts=TRIES, timeout=TRIES_FOR):
            with attempt:
                return await self._call("GET", uri)
        raise AssertionError("unreachable")

    async def _call(self, method: str, uri: str, body: bytes = b"") -> dict[str, Any]:
        assert self._client is not None, "use it as a context manager"  # noqa: S101
        timestamp = int(time.time())
        headers = {"Pingplusplus-Request-Timestamp": str(timestamp)}
        if self.private_key is not None:
            headers["Pingplusplus-Signature"] = sign_request(self.private_key, body, uri, timestamp)
        if body:
            headers["Content-Type"] = "application/json"
        try:
            async with _network_errors():
                response = await self._client.request(
                    method, self.api_base + uri, content=body, headers=headers
                )
        except httpx.InvalidURL as error:
            raise Refused(f"not an address: {error}") from None
        return _object_in(response)


@asynccontextmanager
async def _network_errors() -> AsyncIterator[None]:
    try:
        yield
    except httpx.TransportError as error:
        raise Unanswered(f"no answer from Ping++: {type(error).__name__}") from None


def _object_in(response: httpx.Response) -> dict[str, Any]:
    """The object of an answer, or the error that it is (Ping++ docs: errors)."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    if response.is_success and isinstance(found, dict) and error is None:
        return found
    status = response.status_code
    code, said = (error.get("code"), error.get("message")) if isinstance(error, dict) else (None, None)
    message = f"Ping++ answered {status}" + (f" {code}" if code else "") + (f": {said}" if said else "")
    if status == 401:
        message += (
            " (is PINGPP_API_KEY right, and PINGPP_PRIVATE_KEY_FILE the key whose public half Ping++ has?)"
        )
    # 403 is the limit of the plan and 429 may come: both pass. A wrong key says nothing about the object asked
    # for, and is mended some day. A "success" that is no object is no answer.
    if status in (401, 403, 429) or status >= 500 or response.is_success or response.is_redirect:
        raise Unanswered(message, status, code)
    raise (NotFound if status == 404 else Refused)(message, status, code)
