"""`POST /webhooks`: verify the raw bytes, then store them, then answer. A bare ASGI endpoint, for speed.

Ping++ looks at the status alone: 2xx is delivered, anything else is sent again, up to ten times in 25 hours.
"""

import asyncio
import types
from collections.abc import Callable, Coroutine, Generator
from dataclasses import dataclass
from typing import Any, cast

from starlette.types import Receive, Scope, Send

from payments.inbox.accept import Inbox, NotStored, Stored
from payments.pingpp import event
from payments.pingpp.signature import KeyRing

BODY_LIMIT = 1024 * 1024  # bytes

_SIGNATURE = b"x-pingplusplus-signature"


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer to a webhook; `code` is the word for it in the log."""

    status: int
    code: str
    explanation: str
    close: bool = False

    @property
    def body(self) -> bytes:
        return f'{{"code":"{self.code}","message":"{self.explanation}"}}\n'.encode()


STORED = Answer(200, "stored", "Stored, now or before.")
BAD_SIGNATURE = Answer(401, "bad_signature", "x-pingplusplus-signature is missing or not of these bytes.")
NOT_POST = Answer(405, "method_not_allowed", "Webhooks are sent by POST.")
TOO_SLOW = Answer(408, "body_timeout", "The body was not there in time.", close=True)
TOO_LARGE = Answer(413, "body_too_large", f"A body has at most {BODY_LIMIT} bytes.", close=True)
NOT_JSON = Answer(415, "wrong_content_type", "The content type is not JSON.", close=True)
NOT_STORED = Answer(500, "not_stored", "Not stored; send it again.")


class RefusedWebhook(Exception):
    """The request is not stored, and is answered with `answer`."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer.code)
        self.answer = answer


class Gone(Exception):
    """The client closed the connection, so there is no answer."""


class Webhooks:
    """The endpoint. `refused` is called for each request that is not stored, with the answer and the error, if any."""

    def __init__(
        self, inbox: Inbox, ring: KeyRing, body_timeout: float, refused: Callable[[Answer, str], None]
    ) -> None:
        self.inbox = inbox
        self.ring = ring
        self._body_timeout = body_timeout
        self._refused = refused
        self._arrived: list[tuple[bytes, bytes | None, asyncio.Future[Stored]]] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._store(scope, receive)
            answer = STORED
        except RefusedWebhook as refused:
            answer = refused.answer
            self._refused(answer, "")
        except NotStored as error:
            answer = NOT_STORED
            self._refused(answer, str(error))
        except Gone:
            return
        start, body = _MESSAGES[answer.code]
        await send(start)
        await send(body)

    async def _store(self, scope: Scope, receive: Receive) -> None:
        if scope["method"] != "POST":
            raise RefusedWebhook(NOT_POST)
        signature = _check_headers(scope["headers"])
        body = await _within(self._body_timeout, _read(receive))
        await self._arrive(body, signature)

    def _arrive(self, body: bytes, signature: bytes | None) -> asyncio.Future[Stored]:
        """Have a webhook verified and, if it is genuine, stored.

        The future holds the result; or raises RefusedWebhook or NotStored.
        """
        loop = asyncio.get_running_loop()
        if not self._arrived:
            loop.call_soon(self._verify)
        stored: asyncio.Future[Stored] = loop.create_future()
        self._arrived.append((body, signature, stored))
        return stored

    def _verify(self) -> None:
        """Verify all webhooks that arrived in this turn of the event loop, one after the other.

        Verifying each by itself, between other work, costs the receiver a twelfth more: the processor's caches do not
        hold RSA and a web server at once. A helper thread was tried and is slower, because it needs the GIL between
        any two signatures.
        """
        arrived, self._arrived = self._arrived, []
        for body, signature, stored in arrived:
            try:
                if not self.ring.verify(body, signature):
                    raise RefusedWebhook(BAD_SIGNATURE)  # noqa: TRY301
                self.inbox.accept(event.identify(body), body, stored)
            except Exception as error:  # noqa: BLE001  an error of one request must not reach the others
                # The future is done if the client has closed the connection.
                if not stored.done():
                    stored.set_exception(error)


def _check_headers(headers: list[tuple[bytes, bytes]]) -> bytes | None:
    """The signature, if there is exactly one. Raises RefusedWebhook if the headers alone forbid to read the body."""
    signatures = []
    for name, value in headers:
        if name == _SIGNATURE:
            signatures.append(value)
        elif name == b"content-type":
            kind = value.split(b";", 1)[0].strip().lower()
            if kind and kind != b"application/json" and not kind.endswith(b"+json"):
                raise RefusedWebhook(NOT_JSON)
        elif name == b"content-length" and value.isdigit() and int(value) > BODY_LIMIT:
            raise RefusedWebhook(TOO_LARGE)
    return signatures[0] if len(signatures) == 1 else None


async def _within(seconds: float, coming: Coroutine[Any, Any, bytes]) -> bytes:
    """Await `coming` for so many seconds. Raises RefusedWebhook.

    Nearly every body comes together with its headers and needs no waiting. Only a body that does is given a timer,
    because a timer costs a tenth of the whole request.
    """
    try:
        waits_for = coming.send(None)
    except StopIteration as there:
        return cast("bytes", there.value)
    try:
        async with asyncio.timeout(seconds):
            return await _go_on(waits_for, coming)
    except TimeoutError:
        raise RefusedWebhook(TOO_SLOW) from None


@types.coroutine
def _go_on(waits_for: Any, coming: Coroutine[Any, Any, bytes]) -> Generator[Any, Any, bytes]:
    """Await a coroutine whose first step was taken before, and which now waits for `waits_for`."""
    while True:
        error: BaseException | None = None
        result = None
        try:
            result = yield waits_for
        except BaseException as raised:  # noqa: BLE001  the coroutine has to hear of a cancellation too
            error = raised
        try:
            waits_for = coming.throw(error) if error else coming.send(result)
        except StopIteration as there:
            return cast("bytes", there.value)


async def _read(receive: Receive) -> bytes:
    """The raw body; its size is checked while it comes in. Raises RefusedWebhook and Gone."""
    parts: list[bytes] = []
    size = 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        part = message.get("body", b"")
        size += len(part)
        if size > BODY_LIMIT:
            raise RefusedWebhook(TOO_LARGE)
        if not message.get("more_body", False):
            return b"".join([*parts, part]) if parts else part
        parts.append(part)


def _messages(answer: Answer) -> tuple[dict[str, object], dict[str, object]]:
    body = b"" if answer is STORED else answer.body  # Ping++ reads only the status, and a body costs 4 µs
    headers = [(b"content-length", str(len(body)).encode())]
    if body:
        headers.append((b"content-type", b"application/json"))
    if answer.status == 405:
        headers.append((b"allow", b"POST"))
    if answer.close:  # the rest of the body will not be read
        headers.append((b"connection", b"close"))
    return (
        {"type": "http.response.start", "status": answer.status, "headers": headers},
        {"type": "http.response.body", "body": body},
    )


_MESSAGES = {
    answer.code: _messages(answer)
    for answer in (STORED, BAD_SIGNATURE, NOT_POST, TOO_SLOW, TOO_LARGE, NOT_JSON, NOT_STORED)
}
