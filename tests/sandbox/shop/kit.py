"""A merchant API that is made up, for the demo shop to call."""

import contextlib
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import msgspec

from sandbox.app import make_app
from sandbox.settings import Settings
from tests import sandbox_key
from tests.sandbox.kit import APP

TOKEN = "a-token-that-nobody-may-see"
CHECKOUT = "http://127.0.0.1:8080/checkout/Tok_en-0000000000000000"
TEA = "tea261125010203abcd"


def payment(**changes: Any) -> dict[str, Any]:
    """As the merchant API shows one that is not paid yet."""
    charge = {
        "id": "ch_1", "channel": "alipay_qr", "status": "pending", "amount": 3800, "currency": "cny", "order_no": TEA,
        "time_paid": None, "transaction_no": None, "amount_refunded": 0, "amount_settle": 3800, "extra": {},
    }  # fmt: skip
    charge |= changes.pop("charge_is", {})
    return {
        "order_no": TEA, "app": APP, "status": "pending", "amount": 3800, "amount_refunded": 0, "currency": "cny",
        "channel": charge["channel"], "livemode": False, "created_at": "2026-11-25T01:02:03Z", "paid_at": None,
        "expires_at": "2026-11-26T01:02:03Z", "charges": [charge], "refunds": [], "checkout_url": CHECKOUT,
        **changes,
    }  # fmt: skip


def paid(**changes: Any) -> dict[str, Any]:
    is_paid = {"status": "paid", **changes.pop("charge_is", {})}
    return payment(status="paid", paid_at="2026-11-25T01:03:00Z", charge_is=is_paid, **changes)


@dataclass
class Api:
    """Says what a test wants, and keeps what it was asked."""

    says: Any = field(default_factory=payment)
    status: int = 200
    kind: str = "application/json"
    asked: list[httpx.Request] = field(default_factory=list)
    does: Callable[[httpx.Request], Any] | None = None

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        if self.does is not None:
            await self.does(request)
        says = self.says
        if self.status < 400 and request.url.path.endswith("/payments") and request.method == "GET":
            says = {"payments": [says], "next_cursor": None}
        content = says if isinstance(says, bytes) else msgspec.json.encode(says)
        return httpx.Response(self.status, content=content, headers={"content-type": self.kind})

    def refuse(self, status: int, code: str, **more: Any) -> None:
        self.status, self.kind = status, "application/problem+json"
        self.says = {"code": code, "detail": "said in English", **more}

    def body(self, number: int = -1) -> Any:
        return msgspec.json.decode(self.asked[number].content)


@dataclass
class Shop:
    http: httpx.AsyncClient
    api: Api

    async def page(self, path: str = "/shop/", status: int = 200, language: str = "en") -> str:
        answer = await self.http.get(path, headers={"accept-language": language})
        assert answer.status_code == status, answer.text
        return answer.text

    async def press(self, path: str, **typed: str) -> str:
        answer = await self.http.post(path, data=typed)
        assert answer.status_code == 303, answer.text
        return str(answer.headers["location"])


@contextlib.asynccontextmanager
async def open_shop(data_dir: Path, **settings: Any) -> AsyncIterator[Shop]:
    sandbox_key.give(data_dir)
    api = Api()
    # A developer's own environment must not reach the tests.
    ours: dict[str, Any] = {
        "merchant_api_tokens_file": None,
        "pingpp_app_ids": "",
        "sandbox_merchant_api_url": None,
    }
    settings = {"merchant_api_tokens": f"{TOKEN},another", **ours, **settings}
    app = make_app(Settings(data_dir=data_dir, **settings), to_merchant=httpx.MockTransport(api))
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://shop:8090") as http,
    ):
        yield Shop(http, api)
