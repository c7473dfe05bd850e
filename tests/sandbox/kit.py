"""A sandbox in this process, with a receiver that answers what a test wants."""

import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from sandbox.app import make_app
from sandbox.settings import Settings
from sandbox.world import World

APP = "app_1Gqj58ynP0mHeX1q"
TEST_KEY = {"authorization": "Bearer sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"}
LIVE_KEY = {"authorization": "Bearer sk_live_ibbTe5jLGCi5rzfH4OqPW9KC"}

SCAN = {"scan_code": "131141564583769183", "terminal_id": "T0000001"}
GOODS = {"goods_list": [{"goods_name": "iPhone", "goods_num": "1"}]}
ISV = {"pay_channel": "wx", "terminal_id": "T0000001"}
EXTRA: dict[str, dict[str, Any]] = {
    "wx_pub_qr": {"product_id": "Product4Testing"},
    "cb_wx_pub_qr": {"product_id": "Product4Testing", **GOODS},
    "isv_qr": ISV,
    "isv_wap": {**ISV, "result_url": "https://www.example.com/payment-result"},
    "isv_scan": SCAN,
    "alipay_scan": SCAN,
    "wx_pub_scan": SCAN,
    "cb_alipay_scan": SCAN,
    "cb_wx_pub_scan": {**SCAN, **GOODS},
    "upacp_scan": SCAN,
}


@dataclass
class Receiver:
    """Takes webhooks; `answers` are used up one by one, then each gets 200."""

    answers: list[int] = field(default_factory=list)
    always: int = 200
    bodies: list[bytes] = field(default_factory=list)
    signatures: list[str] = field(default_factory=list)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        self.bodies.append(await request.body())
        self.signatures.append(request.headers["x-pingplusplus-signature"])
        await Response(status_code=self.answers.pop(0) if self.answers else self.always)(scope, receive, send)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [msgspec.json.decode(body) for body in self.bodies]


@dataclass(frozen=True)
class Rig:
    http: httpx.AsyncClient
    receiver: Receiver
    world: World

    async def get(self, path: str, status: int = 200, **rest: Any) -> Any:
        response = await self.http.get(path, **rest)
        assert response.status_code == status, response.text
        return response.json()

    async def post(self, path: str, content: Any = None, status: int = 200, **rest: Any) -> Any:
        response = await self.http.post(path, json={} if content is None else content, **rest)
        assert response.status_code == status, response.text
        return response.json() if response.content else None

    async def create(self, *, status: int = 200, headers: Any = None, **changes: Any) -> Any:
        return await self.post("/v1/charges", order(**changes), status, headers=headers)

    async def paid(self, **changes: Any) -> Any:
        charge = await self.create(**changes)
        return await self.post(f"/sandbox/charges/{charge['id']}/pay")

    async def attempts(self, **query: Any) -> list[Any]:
        found: list[Any] = (await self.get("/sandbox/deliveries", params=query))["deliveries"]
        return found

    async def run_at(self, scale: float) -> None:
        assert (await self.http.put("/sandbox/clock", json={"scale": scale})).status_code == 200


def order(**changes: Any) -> dict[str, Any]:
    """A create as the guide's samples make it; a change to None leaves the member out."""
    made = {
        "order_no": "123456789",
        "amount": 100,
        "app": {"id": APP},
        "channel": "alipay_qr",
        "currency": "cny",
        "client_ip": "127.0.0.1",
        "subject": "Your Subject 订单",
        "body": "Your Body 内容",
    } | changes
    return {name: value for name, value in made.items() if value is not None}


def for_channel(channel: str) -> dict[str, Any]:
    """What a create on that channel needs beside the rest."""
    currency = "usd" if channel.startswith("cb_") else "cny"
    return {"channel": channel, "currency": currency, "extra": EXTRA.get(channel)}


@contextlib.asynccontextmanager
async def running(
    data_dir: Path, receiver: Receiver, transport: httpx.AsyncBaseTransport | None = None, **settings: Any
) -> AsyncIterator[Rig]:
    app = make_app(Settings(data_dir=data_dir, **settings), transport or httpx.ASGITransport(app=receiver))
    inside = httpx.ASGITransport(app=app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=inside, base_url="http://sandbox", headers=TEST_KEY) as http,
    ):
        yield Rig(http, receiver, app.state.world)
