"""A merchant's server, our receiver with its API, and the sandbox in the place of Ping++, all in this process."""

import asyncio
import contextlib
import json
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import httpx
import uvicorn

from ingest.app import make_app
from ingest.settings import ReceiverSettings
from payments.pingpp.gateway import Gateway
from processes.redis_server import Server
from processes.settings import load
from sandbox.app import make_app as make_sandbox
from sandbox.settings import Settings as SandboxSettings
from tests import sandbox_key
from tests.patience import PATIENCE_S

APP = "app_1Gqj58ynP0mHeX1q"
TOKEN = "token-of-the-shop"
SCAN_CODE = "281234509876543210"


def asked(number: int = 1, **changes: Any) -> dict[str, Any]:
    """A payment as a merchant asks for it; a change to None leaves the member out."""
    made = {
        "order_no": f"order{number:08d}",
        "amount": 100,
        "currency": "cny",
        "channel": "alipay_qr",
        "subject": "茶叶",
        "body": "Tea, 100 g",
        "client_ip": "203.0.113.7",
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def scanned(number: int = 1, code: str = SCAN_CODE, **changes: Any) -> dict[str, Any]:
    """The same for a code that was scanned at the till."""
    return asked(number, channel="wx_pub_scan", extra={"scan_code": code}, **changes)


class Line(httpx.AsyncBaseTransport):
    """The way to Ping++; notes what is sent along it."""

    def __init__(self, inner: httpx.AsyncBaseTransport) -> None:
        self._inner = inner
        self.calls: list[tuple[str, str]] = []
        self.bodies: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        self.calls.append((request.method, request.url.path))
        self.bodies.append(request.content)
        return await self._inner.handle_async_request(request)

    @property
    def creates(self) -> int:
        return self.calls.count(("POST", "/v1/charges"))


@dataclass(frozen=True)
class Shop:
    """`http` is the merchant's server with its token; `customer` speaks to the sandbox."""

    http: httpx.AsyncClient
    customer: httpx.AsyncClient
    line: Line
    answers: list[httpx.Response] = field(default_factory=list)

    async def say(
        self, method: str, path: str, json: Any = None, status: int | None = None, **more: Any
    ) -> httpx.Response:
        if json is not None:
            more["json"] = json
        answer = await self.http.request(method, path, **more)
        self.answers.append(answer)
        assert status in (None, answer.status_code), f"{answer.status_code}: {answer.text}"
        return answer

    async def create(self, content: Any = None, status: int = 201, **more: Any) -> Any:
        return (
            await self.say("POST", "/payments", asked() if content is None else content, status, **more)
        ).json()

    async def get(self, path: str, status: int = 200, **more: Any) -> Any:
        return (await self.say("GET", path, None, status, **more)).json()

    async def post(self, path: str, content: Any = None, status: int = 200, **more: Any) -> Any:
        return (await self.say("POST", path, content, status, **more)).json()

    async def refund(self, number: int, key: str, content: Any, status: int = 201) -> Any:
        path = f"/payments/order{number:08d}/refunds"
        return await self.post(path, content, status, headers={"Idempotency-Key": key})

    async def pay(self, payment: Any) -> None:
        """The customer pays, and nobody tells us."""
        charge = payment["charges"][-1]["id"]
        assert (await self.customer.post(f"/sandbox/charges/{charge}/pay")).status_code == 200

    async def befall(self, do: str, path: str = "/v1/charges", method: str = "POST", **more: Any) -> None:
        """Something is to happen to the next such call."""
        fate = {"do": do, "path": path, "method": method, **more}
        assert (await self.customer.post("/sandbox/next", json=fate)).status_code == 201

    async def at_ping(self) -> list[Any]:
        """The charges that Ping++ has."""
        key = {"authorization": "Bearer sk_test_x"}
        found = await self.customer.get("/v1/charges", params={"app[id]": APP, "limit": 100}, headers=key)
        listed: list[Any] = found.json()["data"]
        return listed


@contextlib.asynccontextmanager
async def opened(
    server: Server, directory: Path, *, listening: bool = False, **settings: Any
) -> AsyncIterator[Shop]:
    """`listening`: over a real socket, where an answer can come before the work has ended."""
    given = {"serve": "api", "merchant_api_tokens": f"other, {TOKEN}", "pingpp_api_key": "sk_test_x"}
    ours = load(ReceiverSettings, redis_url=server.url, **{**given, "pingpp_app_ids": APP, **settings})
    nobody = httpx.MockTransport(lambda _: httpx.Response(200))
    sandbox_key.give(directory)
    sandbox = make_sandbox(SandboxSettings(data_dir=directory), nobody)
    line = Line(httpx.ASGITransport(sandbox))
    with patch(
        "ingest.app.from_files", lambda base, key, _, pace: Gateway(base, key, transport=line, pace=pace)
    ):
        app = make_app(ours)
    async with contextlib.AsyncExitStack() as stack:
        await stack.enter_async_context(sandbox.router.lifespan_context(sandbox))
        if listening:
            address, transport = await stack.enter_async_context(serving(app)), None
        else:
            await stack.enter_async_context(app.router.lifespan_context(app))
            address, transport = "http://shop", httpx.ASGITransport(app)
        http = httpx.AsyncClient(
            base_url=address,
            transport=transport,
            headers={"Authorization": f"Bearer {TOKEN}"},
            timeout=PATIENCE_S,
        )
        customer = httpx.AsyncClient(base_url="http://pingpp", transport=httpx.ASGITransport(sandbox))
        await stack.enter_async_context(http)
        await stack.enter_async_context(customer)
        yield Shop(http, customer, line)


@contextlib.asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """The app behind uvicorn, in this loop, as in production; the address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        config = uvicorn.Config(
            app, log_config=None, log_level="error", ws="none", timeout_graceful_shutdown=5
        )
        uvicorn_server = uvicorn.Server(config)
        with patch.object(uvicorn_server, "capture_signals", contextlib.nullcontext):
            task = asyncio.create_task(uvicorn_server.serve([listener]))
            while not uvicorn_server.started:  # noqa: ASYNC110  it has no event for it
                await asyncio.sleep(0.01)
            try:
                yield f"http://127.0.0.1:{listener.getsockname()[1]}"
            finally:
                uvicorn_server.should_exit = True
                await task


Calls = Callable[[Shop], Awaitable[Any]]


def in_shop(server: Server, directory: Path, calls: Calls, **settings: Any) -> Any:
    """Run calls in a shop; what they return. No answer may hold a scan code, and each refusal is a problem."""

    async def inside() -> Any:
        result, wrong = None, None
        async with opened(server, directory, **settings) as shop:
            try:
                result = await calls(shop)
            except BaseException as error:  # noqa: BLE001  what is open is closed first, or the next tests would suffer
                wrong = error
        if wrong is not None:
            raise wrong
        for answer in shop.answers:
            check(answer)
        return result

    return asyncio.run(inside())


def check(answer: httpx.Response) -> None:
    """What is true of every answer."""
    assert SCAN_CODE not in answer.text
    if answer.status_code < 400:
        assert answer.headers["content-type"] == "application/json"
        return
    problem = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert problem["status"] == answer.status_code
    assert {"type", "title", "detail", "code"} <= problem.keys()
    assert answer.headers["cache-control"] == "no-store"


def errors(problem: Any) -> list[tuple[str, str]]:
    """(field, rule) of an `invalid`."""
    assert problem["code"] == "invalid", json.dumps(problem)
    return [(one["field"], one["rule"]) for one in problem["errors"]]
