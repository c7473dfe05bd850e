"""The gateway: the calls to Ping++. It is the only file that knows Ping++'s addresses.

Each call ends in one of four ways: an object; `Refused` (Ping++ answered that it will not do it); `NotNow`
(it was surely not done, but a later call may succeed); or `Unanswered` (we do not know whether it was done).
After the last, we look at Ping++ and never guess. A call that changes something is never made again without
such a look.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote, urlencode

import msgspec
import stamina
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

from payments.http import Http, NotAnswered, NotReached, Response, Transport
from payments.pingpp.pace import Ending, Pace, Went
from payments.pingpp.signature import UnreadableKey, read_private_key, sign_request

TRIES = 3  # of a call that reads
TRIES_FOR = 20.0  # seconds for all tries of one call
_TIMED_OUT = 5.0  # seconds after which a caller that gives up counts as a time-out
_PAGE = 100  # objects in a page of a list, the most that Ping++ gives (Ping++ docs: list Charges)


class GatewayError(RuntimeError):
    """Ping++ did not do what it was asked for. `status` is the HTTP status (None: no answer); `type`, `code`
    and `param` are those of Ping++'s error object (Ping++ docs: errors).
    """

    def __init__(
        self, message: str, status: int | None = None, error: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.status = status
        self.error = dict(error or {})
        self.type, self.code, self.param = (self.error.get(name) for name in ("type", "code", "param"))


class Refused(GatewayError):
    """Known outcome: Ping++ answered that it will not do it."""


class NotFound(Refused):
    """Ping++ knows no such object in this account and mode."""


class NotNow(GatewayError):
    """Known outcome: nothing was done, because Ping++ was not reached, our key is wrong (401), or a limit was
    hit (403: the limit of the plan; 429). A later call may succeed (Ping++ docs: errors).
    """


class Unanswered(GatewayError):
    """Unknown outcome: a time-out, a broken connection, an error of Ping++ (5xx), an answer that cannot be
    read.
    """


@dataclass(frozen=True, slots=True)
class Gateway:
    """The calls that we make, on one connection pool. Use it as an async context manager.

    Every call raises Refused (NotFound where there is no such object), NotNow or Unanswered. With a `pace`, a
    call that reads raises RedisError where Redis is unreachable.
    """

    #: without a path
    api_base: str
    #: `sk_live_…` or `sk_test_…`
    key: str
    #: signs each request, as the official SDKs do (Ping++ docs: request signature)
    private_key: RSAPrivateKey | None = None
    transport: Transport | None = None
    #: calls that read wait for their turn there; all calls tell it how they went
    pace: Pace | None = None
    #: tries of a call that reads
    tries: int = TRIES
    _http: Http = field(default_factory=Http, init=False, repr=False, compare=False)

    async def __aenter__(self) -> Self:
        headers = {"Authorization": f"Bearer {self.key}", "User-Agent": "pingpp-ingest"}
        await self._http.open(headers, self.transport)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._http.close()

    async def create_charge(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/charges`, made once. Ping++ has no idempotency key, so a second create may make a second
        charge (Ping++ docs: create a Charge).
        """
        return await self._call("POST", "/v1/charges", request)

    async def retrieve_charge(self, charge_id: str) -> dict[str, Any]:
        """`GET /v1/charges/{id}`."""
        return await self._read(_charge(charge_id))

    async def list_charges(
        self, app: str, *, after: str | None = None, **filters: str | int | bool | None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        """The charges of an app, newest first, page by page; the next page is asked for only when it is
        needed.

        `filters`: `channel`, `paid`, `refunded`, `reversed`, and `created_gt`, `_gte`, `_lt`, `_lte` in Unix
        seconds; without `created_…` Ping++ lists the last month only. `after`: the charge id behind which the
        list begins. (Ping++ docs: list Charges)
        """
        query: dict[str, str | int] = {"app[id]": app}
        for name, value in filters.items():
            if value is not None:
                key = f"created[{name.removeprefix('created_')}]" if name.startswith("created_") else name
                query[key] = str(value).lower() if isinstance(value, bool) else value
        async for page in self._pages("/v1/charges", query, after):
            yield page

    async def reverse_charge(self, charge_id: str) -> dict[str, Any]:
        """`POST /v1/charges/{id}/reverse`: closes an unpaid charge; gives back a paid one, if the channel
        can.
        """
        return await self._call("POST", f"{_charge(charge_id)}/reverse", {})

    async def create_refund(self, charge_id: str, request: Mapping[str, Any]) -> dict[str, Any]:
        """`POST /v1/charges/{id}/refunds`, made once, for the same reason as a create."""
        return await self._call("POST", f"{_charge(charge_id)}/refunds", request)

    async def retrieve_refund(self, charge_id: str, refund_id: str) -> dict[str, Any]:
        """`GET /v1/charges/{id}/refunds/{id}`."""
        return await self._read(f"{_charge(charge_id)}/refunds/{quote(refund_id, safe='')}")

    async def list_refunds(self, charge_id: str) -> AsyncIterator[dict[str, Any]]:
        """All refunds of a charge, newest first."""
        async for page in self._pages(f"{_charge(charge_id)}/refunds", {}, None):
            for refund in page:
                yield refund

    async def retrieve_event(self, event_id: str) -> dict[str, Any]:
        """`GET /v1/events/{id}`."""
        return await self._read(f"/v1/events/{quote(event_id, safe='')}")

    async def _pages(
        self, path: str, query: dict[str, str | int], after: str | None
    ) -> AsyncIterator[list[dict[str, Any]]]:
        while True:
            more = {"starting_after": after} if after else {}
            page = await self._read(f"{path}?{urlencode({**query, 'limit': _PAGE, **more})}")
            objects: list[dict[str, Any]] = page.get("data") or []
            if objects:
                yield objects
            if not page.get("has_more") or not objects:
                return
            after = objects[-1]["id"]

    async def _read(self, uri: str) -> dict[str, Any]:
        """A GET, which can be made again: with retries and growing waits after NotNow and Unanswered."""
        async for attempt in stamina.retry_context(
            on=(Unanswered, NotNow), attempts=self.tries, timeout=TRIES_FOR
        ):
            with attempt:
                return await self._call("GET", uri)
        raise AssertionError("unreachable")

    async def _call(self, method: str, uri: str, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One try. A call that reads waits for its turn; one that changes something does not, and tells only
        trouble.
        """
        if self.pace is None:
            return await self._send(method, uri, content)
        try:
            place = await self.pace.turn() if method == "GET" else ""
        except Ending as ending:
            raise NotNow(str(ending)) from None
        went: Went = "ok"
        began = time.monotonic()
        try:
            return await self._send(method, uri, content)
        except BaseException as error:
            went = _went(error, time.monotonic() - began)
            raise
        finally:
            if place or went == "slow":
                await self.pace.tell(place, went)

    async def _send(self, method: str, uri: str, content: Mapping[str, Any] | None = None) -> dict[str, Any]:
        headers = {"Content-Type": "application/json"} if content is not None else {}
        body = b"" if content is None else msgspec.json.encode(content)
        request = self._http.request(method, self.api_base + uri, body, headers)
        timestamp = int(time.time())
        request.headers["Pingplusplus-Request-Timestamp"] = str(timestamp)
        if self.private_key is not None:  # sign exactly the bytes that are sent
            sent = request.url.raw_path.decode("ascii")
            request.headers["Pingplusplus-Signature"] = sign_request(self.private_key, body, sent, timestamp)
        try:
            response = await self._http.send(request)
        except NotReached as error:
            raise NotNow(f"Ping++ was not reached: {error}") from None
        except NotAnswered as error:
            raise Unanswered(f"no answer from Ping++: {error}") from None
        return _object_in(response)


def from_files(api_base: str, key: str, private_key_file: Path | None, pace: Pace | None = None) -> Gateway:
    """The gateway with the settings of a process. Raises UnreadableKey, which names the file."""
    if private_key_file is None:
        return Gateway(api_base, key, pace=pace)
    try:
        return Gateway(api_base, key, read_private_key(private_key_file.read_bytes()), pace=pace)
    except OSError as error:
        raise UnreadableKey(f"{private_key_file}: {error.strerror}") from None


def _went(error: BaseException, after_s: float) -> Went:
    """What an error means for the pace. After a refusal Ping++ works well. After NotNow and Unanswered we
    call less; with a wrong key too, because no call can succeed.
    """
    if isinstance(error, Refused):
        return "ok"
    if isinstance(error, asyncio.CancelledError):
        return "slow" if after_s >= _TIMED_OUT else "unknown"
    return "slow" if isinstance(error, (NotNow, Unanswered)) else "unknown"


def _charge(charge_id: str) -> str:
    return f"/v1/charges/{quote(charge_id, safe='')}"


def _object_in(response: Response) -> dict[str, Any]:
    """The object in an answer. Raises GatewayError where the answer is an error (Ping++ docs: errors)."""
    try:
        found = response.json()
    except (ValueError, RecursionError):
        found = None
    error = found.get("error") if isinstance(found, dict) else None
    if response.is_success and isinstance(found, dict) and error is None:
        return found
    status = response.status_code
    error = error if isinstance(error, dict) else {}
    said = " ".join(str(error[name]) for name in ("code", "message") if error.get(name))
    message = f"Ping++ answered {status}" + (f": {said}" if said else "")
    if status == 401:
        message += (
            " (is PINGPP_API_KEY right, and PINGPP_PRIVATE_KEY_FILE the key whose public half Ping++ has?)"
        )
    if status in (401, 403, 429):
        raise NotNow(message, status, error)
    # An error without Ping++'s error object comes from a proxy. A "success" without an object is no answer
    # either.
    if status == 404 and error:
        raise NotFound(message, status, error)
    if 400 <= status < 500 and error:
        raise Refused(message, status, error)
    raise Unanswered(message, status, error)
