"""Calls over HTTP: what is known of one that failed, on real sockets."""

import asyncio
import socket

import pytest

from payments.http import Http, NotAnswered, NotReached, Response


async def send(url: str) -> Response:
    http = Http()
    await http.open({"User-Agent": "us"})
    try:
        return await http.send(http.request("POST", url, b"{}", {"X-One": "1"}))
    finally:
        await http.close()


def answered(answer: bytes) -> tuple[Response, bytes]:
    """The response to such an answer, and what the other side was sent."""

    async def inside() -> tuple[Response, bytes]:
        heard = asyncio.get_running_loop().create_future()

        async def hear(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            heard.set_result(await reader.readuntil(b"{}"))
            writer.write(answer)
            writer.close()

        async with await asyncio.start_server(hear, "127.0.0.1", 0) as server:
            port = server.sockets[0].getsockname()[1]
            return await send(f"http://127.0.0.1:{port}/a%20b?c=d"), await heard

    return asyncio.run(inside())


def test_what_is_sent_and_answered() -> None:
    response, heard = answered(b"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\n[]")
    assert (response.status_code, response.content) == (503, b"[]")
    assert heard.startswith(b"POST /a%20b?c=d HTTP/1.1\r\n")
    assert b"\r\nX-One: 1\r\n" in heard
    assert b"\r\nUser-Agent: us\r\n" in heard


@pytest.mark.parametrize(
    "answer",
    [b"", b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\n\r\nno zip"],
    ids=["none", "broken off", "cannot be decoded"],
)
def test_what_was_sent_and_not_answered_may_have_been_done(answer: bytes) -> None:
    with pytest.raises(NotAnswered):
        answered(answer)


@pytest.mark.parametrize("url", ["http://127.0.0.1:{port}/", "ftp://127.0.0.1:{port}/"])
def test_what_is_not_reached_was_surely_not_called(url: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        with pytest.raises(NotReached):
            asyncio.run(send(url.format(port=taken.getsockname()[1])))
