"""The shopper's checkout: a page behind an unguessable token, and the stream that keeps the open page up to date.

A shopper with the token sees what `ingest/checkout/view.py` lets through, and nothing else. The token stands only in
addresses, never in a log line or a Referer. Addresses on the page are relative, so that a proxy may put the page
under any path.
"""

import asyncio
import contextlib
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any, Self
from urllib.parse import quote

import msgspec
import structlog
from redis.exceptions import RedisError
from sse_starlette.event import ServerSentEvent
from sse_starlette.sse import EventSourceResponse
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route
from starlette.types import Message, Receive, Scope, Send

from ingest.checkout import qr
from ingest.checkout.pages import HEADERS, Pages
from ingest.checkout.view import View, look
from ingest.office import Office
from payments.books.document import NewerSchema
from payments.books.ledger import Held
from payments.books.payment import Registration

# Proxies close a connection that is silent for a minute, and the page takes a long silence for a dead connection.
PING_S = 15
LOOK_AGAIN_S = 60  # a payment is read again after so long without a change

# Data may be read by the shop's own pages too (CORS): the token in the address is all that is needed.
_DATA = {**HEADERS, "Access-Control-Allow-Origin": "*"}
_TOKEN = re.compile(r"[A-Za-z0-9_-]{16,128}")
_UNREADABLE = (RedisError, OSError, NewerSchema, msgspec.MsgspecError)

log = structlog.get_logger()
_encode = msgspec.json.Encoder().encode


class UnknownPayment(Exception):
    """No payment has this token, or the payment has nothing of the kind that is asked for."""


@dataclass(frozen=True, slots=True)
class Found:
    """A payment as it was read, and as the shopper sees it at `now` (Unix seconds)."""

    held: Held
    seen: View
    now: float

    @classmethod
    def of(cls, held: Held, asked_for: Registration) -> Self:
        now = time.time()
        return cls(held, look(held.payment, asked_for, now), now)


Handler = Callable[[Request], Awaitable[Response]]


def routes(office: Office) -> list[BaseRoute]:
    """The checkout's routes."""
    pages = Pages()
    checkout = Checkout(office, pages)

    def route(path: str, handler: Handler, *, page: bool = False, method: str = "GET") -> Route:
        return Route(f"/checkout/{path}", _guarded(handler, pages if page else None), methods=[method])

    return [
        Route("/checkout/-/static/{digest}/{name}", pages.static),
        route("{token}", checkout.page, page=True),
        Route("/checkout/{token}/", _without_slash),
        route("{token}/status", checkout.status),
        route("{token}/events", checkout.events),
        route("{token}/qr.svg", checkout.qr),
        route("{token}/charge", checkout.charge),
        route("{token}/paid", checkout.paid, page=True, method="POST"),
    ]


def _guarded(handler: Handler, pages: Pages | None) -> Handler:
    """Answers every address alike if there is no payment or it cannot be read. The answer never has the token."""

    def refusal(request: Request, status: int, code: str) -> Response:
        if pages is not None and not _wants_json(request):
            return pages.notice(request, status, code)
        title = {404: "There is nothing to show here", 503: "It cannot be read just now"}[status]
        problem = {"type": "about:blank", "title": title, "status": status, "code": code}
        return _json(problem, status, media_type="application/problem+json")

    async def guarded(request: Request) -> Response:
        try:
            return await handler(request)
        except UnknownPayment:
            return refusal(request, 404, "not_found")
        except _UNREADABLE as error:
            log.warning("checkout not shown", error=type(error).__name__)
            answer = refusal(request, 503, "unavailable")
            answer.headers["Retry-After"] = "2"
            return answer

    return guarded


class Checkout:
    """The answers of the checkout's addresses."""

    def __init__(self, office: Office, pages: Pages) -> None:
        self._office = office
        self._pages = pages

    async def page(self, request: Request) -> Response:
        found = await self._find(request)
        return self._pages.payment(request, found.seen, found.now)

    async def status(self, request: Request) -> Response:
        found = await self._find(request)
        return _json(found.seen.status_json(found.now))

    async def qr(self, request: Request) -> Response:
        text = (await self._find(request)).seen.qr_text
        picture = await asyncio.to_thread(qr.svg, text) if text else None
        if picture is None:
            raise UnknownPayment
        return Response(picture, media_type="image/svg+xml", headers=HEADERS)

    async def charge(self, request: Request) -> Response:
        """The Charge as Ping++ gave it, for its client SDK; only isv_wap has it."""
        found = await self._find(request)
        shown = found.held.payment.to_show if found.seen.step == "open" else None
        if shown is None or shown.for_client is None:
            raise UnknownPayment
        return _json(shown.for_client)

    async def paid(self, request: Request) -> Response:
        """The shopper says "I have paid": the next look at the payment is brought forward."""
        found = await self._find(request)
        asked = await self._office.hasten(found.held)
        if _wants_json(request):
            return _json({"asked": asked}, 202)
        token = request.path_params["token"]
        return Response(status_code=303, headers={**HEADERS, "Location": f"../{token}?asked"})

    async def events(self, request: Request) -> Response:
        found = await self._find(request)
        return _Stream(
            self._changes(found),
            headers=_DATA,
            ping=PING_S,
            # The comment is for proxies. The event is for the page, because a browser hides comments from it.
            ping_message_factory=lambda: ServerSentEvent("", event="ping", comment="still here"),
        )

    async def _changes(self, found: Found) -> AsyncIterator[ServerSentEvent]:
        """The present state, then each new state that the page shows, until the final one."""
        last = ""
        while True:
            seen, name = found.seen, found.held.payment.name
            if seen.version != last:
                last = seen.version
                status = _encode(seen.status_json(found.now)).decode()
                yield ServerSentEvent(status, event="status", retry=2000)
            if seen.final:
                return
            left = seen.seconds_left(found.now)  # after them the page looks different
            wait = LOOK_AGAIN_S if left is None else min(LOOK_AGAIN_S, left + 0.1)
            await self._office.following.changed(name, found.held.token, wait)
            if self._office.following.leaving:
                return
            try:
                held = await self._office.find(name)
            except _UNREADABLE:  # the page stays as it is; a new request is told of the error
                await asyncio.sleep(1)
                continue
            if held is None or held.payment.registration is None:  # archived
                return
            found = Found.of(held, held.payment.registration)

    async def _find(self, request: Request) -> Found:
        """Raises UnknownPayment, the same for every wrong token."""
        token = request.path_params["token"]
        if not _TOKEN.fullmatch(token):
            raise UnknownPayment
        held = await self._office.find_by_token(token)
        asked_for = held.payment.registration if held else None
        if held is None or asked_for is None or asked_for.token != token:
            raise UnknownPayment
        return Found.of(held, asked_for)


class _Stream(EventSourceResponse):
    """A stream that ends its answer even when the process stops; uvicorn would else log an error for each open page."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        begun = ended = False

        async def watched(message: Message) -> None:
            nonlocal begun, ended
            begun, ended = True, message["type"] == "http.response.body" and not message.get("more_body")
            await send(message)

        await super().__call__(scope, receive, watched)
        if begun and not ended:
            with contextlib.suppress(TimeoutError):  # of a client that does not read
                async with asyncio.timeout(1):
                    await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _without_slash(request: Request) -> Response:
    """Redirect with a relative address. Starlette's is absolute, and behind a TLS proxy it would begin with http://."""
    headers = {**HEADERS, "Location": f"../{quote(request.path_params['token'])}"}
    return Response(status_code=307, headers=headers)


def _wants_json(request: Request) -> bool:
    accept = request.headers.get("accept", "")
    return "application/json" in accept and "text/html" not in accept


def _json(content: Mapping[str, Any], status: int = 200, media_type: str = "application/json") -> Response:
    return Response(_encode(content), status, _DATA, media_type)
