"""Ends a call without an answer, as a broken network does."""

import asyncio
import contextlib

import httpx
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

EXTENSION = (
    "pingpp_sandbox.hang_up"  # under this name the server offers a function that closes the connection
)


class NoAnswer(Response):
    """A response that sends nothing: it closes the connection after `seconds`, or when the caller closes it first."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        await wait(receive, self._seconds)
        server = (scope.get("extensions") or {}).get(EXTENSION)
        if server is None:
            # Tests without a network have httpx in place of a server: raise the error that a real client gets.
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        server["now"]()
        # If the app returned before the server noticed the closed connection, the server would answer 500.
        await _until_gone(receive)


async def wait(receive: Receive, seconds: float) -> None:
    """Wait so many seconds, or until the caller closes the connection."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
