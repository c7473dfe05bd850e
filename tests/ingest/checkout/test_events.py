"""Story: the stream of a page: the present state, each change, the end; and that nobody who has gone is waited for."""

import asyncio
import contextlib
import json
import signal
import socket
import time
from collections.abc import AsyncIterator, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import redis.asyncio
from starlette.applications import Starlette
from starlette.types import Message

from ingest.checkout import routes
from ingest.following import Following
from ingest.office import Office
from payments.keys import Keys
from payments.store import Store
from processes.redis_server import Server
from tests.ingest.checkout.kit import Books, Door, receiver
from tests.patience import PATIENCE_S, until_async

KEYS = Keys()


@pytest.fixture
def books(client: redis.Redis) -> Books:
    return Books(client)


class Stream:
    """One open page, at the ASGI interface."""

    def __init__(self, app: Starlette, token: str) -> None:
        self._sent: asyncio.Queue[Message] = asyncio.Queue()
        self._gone = asyncio.Event()
        scope = {
            "type": "http", "method": "GET", "path": f"/checkout/{token}/events", "headers": [], "query_string": b"",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
        }  # fmt: skip
        self.task = asyncio.create_task(app(scope, self._receive, self._sent.put))

    async def _receive(self) -> Message:
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def leave(self) -> None:
        self._gone.set()
        await self.task

    async def next(self) -> dict[str, str] | None:
        """The next event by its fields, comments as `comment`; None at the end."""
        async with asyncio.timeout(PATIENCE_S):
            message = await self._sent.get()
        if message["type"] == "http.response.start":
            assert message["status"] == 200
            return await self.next()
        if not message["more_body"]:
            return None
        fields = (line.partition(": ") for line in message["body"].decode().splitlines() if line)
        return {name or "comment": text for name, _, text in fields}

    async def status(self) -> Any:
        event = await self.next()
        assert event is not None
        assert event["event"] == "status"
        return json.loads(event["data"])


@contextlib.asynccontextmanager
async def office(server: Server, client: redis.Redis) -> AsyncIterator[tuple[Office, Starlette]]:
    pool = redis.asyncio.BlockingConnectionPool.from_url(server.url, max_connections=32)
    async with redis.asyncio.Redis.from_pool(pool) as connected:
        following = Following(connected, KEYS)
        made = Office(Store(client, KEYS), connected, following, "http://shop")
        yield made, Starlette(routes=routes.routes(made))
        assert not following._waiting
        await following.close()


def test_each_change_is_told_until_the_final_one(
    server: Server, client: redis.Redis, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(routes, "LOOK_AGAIN_S", 3600)  # because it was told, not because it looked

    async def run() -> None:
        token = books.register()
        async with office(server, client) as (_, app):
            stream = Stream(app, token)
            assert (await stream.status())["status"] == "creating"
            await asyncio.to_thread(books.open)
            pending = await stream.status()
            assert (pending["status"], pending["final"]) == ("pending", False)
            await asyncio.to_thread(books.age, seconds=1)  # written anew, nothing that is shown
            await asyncio.sleep(0.5)
            await asyncio.to_thread(books.pay)
            paid = await stream.status()
            assert (paid["status"], paid["final"], paid["paid_at"]) == ("paid", True, "2023-11-14T22:14:20Z")
            assert await stream.next() is None
            await stream.task

    asyncio.run(run())


@pytest.mark.parametrize("ends", ["pay", "expire", "reverse"])
def test_a_stream_of_what_has_ended_says_so_and_ends(ends: str, server: Server, books: Books) -> None:
    token = books.open()
    getattr(books, ends)()
    answer, polled = Door(server.url).call(("GET", f"{token}/events"), ("GET", f"{token}/status"))
    assert answer.headers["content-type"].startswith("text/event-stream")
    assert answer.headers["x-accel-buffering"] == "no"
    name, data, retry = answer.text.split("\r\n")[:3]
    assert (name, retry) == ("event: status", "retry: 2000")
    assert json.loads(data.removeprefix("data: ")) == polled.json()
    assert answer.text.count("event:") == 1


def test_the_end_of_the_time_is_told_though_nothing_was_written(
    server: Server, client: redis.Redis, books: Books
) -> None:
    async def run() -> None:
        token = books.open(charge={"time_expire": int(time.time()) + 4})
        async with office(server, client) as (_, app):
            stream = Stream(app, token)
            assert (await stream.status())["seconds_left"] in (1, 2, 3, 4)
            over = await stream.status()
            assert (over["status"], over["final"], over["seconds_left"]) == ("pending", False, None)
            await stream.leave()

    asyncio.run(run())


def test_silence_is_broken_for_proxies_and_for_the_page(
    server: Server, client: redis.Redis, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert routes.PING_S == 15
    monkeypatch.setattr(routes, "PING_S", 0.05)

    async def run() -> None:
        async with office(server, client) as (_, app):
            stream = Stream(app, books.open())
            await stream.status()
            assert await stream.next() == {"comment": "still here", "event": "ping", "data": ""}
            await stream.leave()

    asyncio.run(run())


def test_nobody_waits_for_those_who_have_gone(server: Server, client: redis.Redis, books: Books) -> None:
    async def run() -> None:
        token = books.open()
        async with office(server, client) as (made, app):
            streams = [Stream(app, token) for _ in range(300)]  # more than Redis gets connections
            for stream in streams:
                await stream.status()
            await until_async(lambda: sum(map(len, made.following._waiting.values())) == 300, "all wait")
            await asyncio.gather(*(stream.leave() for stream in streams))
            assert not made.following._waiting

    asyncio.run(run())


def test_a_stream_outlives_a_redis_that_is_away_and_ends_with_its_payment(
    server: Server, client: redis.Redis, books: Books, monkeypatch: pytest.MonkeyPatch
) -> None:
    find, calls = Office.find, 0

    async def failing(self: Office, name: str) -> Any:
        nonlocal calls
        calls += 1
        if calls == 2:
            raise redis.ConnectionError("away")
        return await find(self, name)

    monkeypatch.setattr(Office, "find", failing)

    async def run() -> None:
        token = books.open()
        async with office(server, client) as (_, app):
            stream = Stream(app, token)
            await stream.status()
            await asyncio.to_thread(books.stop)
            assert (await stream.status())["status"] == "closed"
            assert calls == 3
            client.delete(KEYS.payment(books.name()))  # archived
            assert await stream.next() is None
            await stream.task

    asyncio.run(run())


def test_open_pages_do_not_hold_up_the_end_of_the_process(
    server: Server, books: Books, tmp_path: Path
) -> None:
    token, log, lines = books.open(), tmp_path / "log", []
    with receiver(server.url, log) as (port, process):
        for _ in range(20):
            line = socket.create_connection(("127.0.0.1", port), PATIENCE_S)
            line.sendall(f"GET /checkout/{token}/events HTTP/1.1\r\nHost: t\r\n\r\n".encode())
            received = b""
            while b"retry: 2000\r\n\r\n" not in received:
                received += line.recv(4096)
            lines.append(line)
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0
    for line in lines:
        with closing(line):
            assert line.recv(4096).endswith(b"0\r\n\r\n")  # the answer was ended, not torn off
    assert '"level":"error"' not in log.read_text()


def test_no_log_line_holds_the_token(server: Server, books: Books, tmp_path: Path) -> None:
    token, log = books.open(), tmp_path / "log"
    addresses = ("", "/status", "/events", "/qr.svg", "/charge")
    broken: tuple[Callable[[], Any], ...] = (
        lambda: books.client.set(KEYS.payment(books.name()), b"no document"),
        lambda: books.client.set(KEYS.payment(books.name()), b"0123456789abcdef" + b'{"schema":99}'),
        lambda: books.client.delete(KEYS.checkout(token)),
        lambda: books.client.lpush(KEYS.checkout(token), "what is not there to be read so"),
    )
    with receiver(server.url, log) as (port, _), httpx.Client(timeout=PATIENCE_S) as http:
        page = f"http://127.0.0.1:{port}/checkout/{token}"
        statuses = [http.get(page + one).status_code for one in ("", "/status", "/qr.svg", "/charge", "/")]
        assert statuses == [200, 200, 200, 404, 307]
        assert http.post(f"{page}/paid", headers={"accept": "application/json"}).status_code == 202
        with http.stream("GET", f"{page}/events") as stream:
            assert next(stream.iter_lines()) == "event: status"
        for break_, status in zip(broken, (503, 503, 404, 503), strict=True):
            break_()
            answers = [http.get(page + one) for one in addresses]
            assert [one.status_code for one in answers] == [status] * 5
            assert all((one.headers.get("retry-after") == "2") == (status == 503) for one in answers)
            assert ('http-equiv="refresh"' in answers[0].text) == (status == 503)
    written = log.read_text()
    assert written.count("checkout not shown") == 15
    assert token not in written
    assert "what is not there" not in written
