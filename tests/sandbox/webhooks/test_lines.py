"""The connections that webhooks are sent over: few are used while few are needed, and never more than there are."""

import contextlib

import httpx
import pytest

from sandbox.webhooks.lines import TOGETHER, Lines

pytestmark = pytest.mark.anyio


async def test_the_first_pools_are_filled_first() -> None:
    lines = Lines(httpx.MockTransport(lambda _: httpx.Response(200)))
    with contextlib.ExitStack() as held:
        clients = [held.enter_context(lines.free()) for _ in range(TOGETHER)]
        assert len(set(clients[:8])) == 1
        assert len(set(clients)) == 8
        assert clients[0] is not clients[8]
    with lines.free() as again:
        assert again is clients[0], "what was given back is used again"
    await lines.close()
    assert all(client.is_closed for client in clients)


async def test_one_that_broke_is_given_back_too() -> None:
    lines = Lines(httpx.MockTransport(lambda _: httpx.Response(200)))
    for _ in range(3 * TOGETHER):
        with contextlib.suppress(httpx.ConnectError), lines.free() as client:
            assert client is lines._clients[0]
            raise httpx.ConnectError("")
    await lines.close()
