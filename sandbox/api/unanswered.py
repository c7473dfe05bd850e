"""Ends a call without an answer, as a network does that breaks."""

import asyncio
import contextlib

import httpx
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

EXTENSION = "pingpp_sandbox.hang_up"  # where the server beneath says how to close the connection


class NoAnswer(Response):
    """Takes the place of an answer: closes the connection after `seconds`, or once the caller has had enough."""

    def __init__(self, seconds: float = 0.0) -> None:
        super().__init__()
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:  # noqa: ARG002 - as ASGI has it
        await wait(receive, self._seconds)
        server = (scope.get("extensions") or {}).get(EXTENSION)
        if server is None:
            # In a test without a network httpx itself stands beneath: its caller gets what a real one would.
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        server["now"]()
        # The server takes an app that returns before it has noticed for one that broke, and would answer for it.
        await _until_gone(receive)


async def wait(receive: Receive, seconds: float) -> None:
    """Let time pass, unless the caller goes away meanwhile: nobody is made to wait then."""
    if seconds > 0:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await _until_gone(receive)


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
