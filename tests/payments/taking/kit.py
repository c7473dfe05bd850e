"""A shop in front of a sandbox that knows its public key: creates, reverses, refunds, and lets time pass."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import redis
from msgspec.structs import replace

from payments.books import ledger
from payments.books.attempts import NotPossible
from payments.books.join import Decision
from payments.books.payment import Payment
from payments.books.wanted import Wanted
from payments.keys import ASKS, CHECKS, CHECKS_NOW, EVENTS, Keys
from payments.pingpp.gateway import Gateway
from payments.store import Store
from payments.taking.create import Created, create
from payments.taking.desk import Desk
from payments.taking.refund import Refunded, refund
from payments.taking.reverse import stop
from sandbox.app import make_app
from sandbox.settings import Settings
from tests import sandbox_key
from tests.conftest import messages
from tests.flow.signer import Signer
from workers import apply_events, ask, check
from workers.context import Context

APP = "app_1Gqj58ynP0mHeX1q"
ORDER = "order00000001"
NAME = f"{APP}:{ORDER}"
SCAN = {"scan_code": "281234567890123456", "terminal_id": "00000001"}
ISV = {"pay_channel": "alipay", "terminal_id": "00000001"}


def request(**changes: Any) -> dict[str, Any]:
    """A payment as the merchant asks for it."""
    return {
        "order_no": ORDER,
        "amount": 100,
        "currency": "cny",
        "channel": "alipay_qr",
        "subject": "茶叶",
        "body": "一盒",
        "client_ip": "127.0.0.1",
        **changes,
    }


@dataclass(slots=True)
class Shop:
    """`customer` speaks to the sandbox's control; `desk` is what the merchant API works with."""

    client: redis.Redis
    desk: Desk
    context: Context
    customer: httpx.AsyncClient

    async def create(self, **changes: Any) -> Created:
        return await create(self.desk, Wanted(app=APP, livemode=False, **request(**changes)))

    async def stop(self, *, ends: bool, if_paid: str = "keep") -> Payment:
        return await stop(self.desk, NAME, if_paid=if_paid, ends=ends)

    async def refund(self, key: str = "R1", **body: Any) -> Refunded:
        return await refund(self.desk, NAME, key, {"description": "wrong size", **body})

    async def next(self, do: str, path: str = "/v1/charges", method: str = "POST", **more: Any) -> None:
        """What befalls the next such call."""
        answer = await self.customer.post(
            "/sandbox/next", json={"do": do, "path": path, "method": method, **more}
        )
        assert answer.status_code == 201, answer.text

    async def pays(self, charge_id: str) -> None:
        answer = await self.customer.post(f"/sandbox/charges/{charge_id}/pay")
        assert answer.status_code == 200, answer.text

    async def at_pingpp(self, **filters: Any) -> list[dict[str, Any]]:
        """All charges of the app there, newest first."""
        return [one async for page in self.desk.gateway.list_charges(APP, **filters) for one in page]

    async def payment(self) -> Payment:
        found = await self.desk.load(NAME)
        assert found is not None
        return found

    def told(self) -> list[str]:
        """The ids of all messages, in order."""
        return [one["id"] for one in messages(self.client)]

    def due(self) -> dict[str, list[str]]:
        """Members of the due sets that are not empty."""
        sets: dict[str, Any] = {
            what: self.client.zrange(self.desk.store.keys.due(what), 0, -1)
            for what in (EVENTS, ASKS, CHECKS_NOW, CHECKS)
        }
        return {what: [one.decode() for one in members] for what, members in sets.items() if members}

    async def time_passes(self, seconds: float, *, look: bool = True) -> None:
        """What we wrote down is so much older, all that waits is due, and the workers look at it."""
        names: Any = self.client.zrange(self.desk.store.keys.payments, 0, -1)
        for name in names:
            ledger.change(
                self.desk.store,
                name.decode(),
                lambda one, _: Decision(_older(one, seconds)),
            )
        for what, members in self.due().items():
            self.client.zadd(self.desk.store.keys.due(what), dict.fromkeys(members, 0), xx=True)
        if look:
            await self.look()

    async def look(self) -> None:
        """The workers work, once."""
        await asyncio.to_thread(apply_events.drain, self.context)
        await ask._drain(self.context)
        for what in (CHECKS_NOW, CHECKS):
            await check._drain(self.context, what)

    async def refused(self, coming: Coroutine[Any, Any, Any]) -> str:
        """The code with which something was refused."""
        try:
            await coming
        except NotPossible as no:
            return no.code
        return ""


def _older(payment: Payment, seconds: float) -> Payment:
    ms = int(1000 * seconds)
    registration = payment.registration
    if registration and registration.closed_ms:
        registration = replace(registration, closed_ms=registration.closed_ms - ms)
    return replace(
        payment,
        registration=registration,
        attempts=tuple(replace(a, at_ms=a.at_ms - ms, over_ms=a.over_ms - ms) for a in payment.attempts),
        reversals=tuple(replace(r, at_ms=r.at_ms - ms, over_ms=r.over_ms - ms) for r in payment.reversals),
        refund_attempts=tuple(
            replace(a, at_ms=a.at_ms - ms, over_ms=a.over_ms - ms) for a in payment.refund_attempts
        ),
    )


def only_charge(payment: Payment) -> str:
    """The id of the one charge that there is."""
    assert len(payment.charges) == 1
    return payment.charges[0].id


Story = Callable[[Shop], Coroutine[Any, Any, None]]
Run = Callable[[Story], None]


def run(story: Story, client: redis.Redis, directory: Path, signer: Signer) -> None:
    """Tell a story in front of a sandbox of its own."""
    (directory / "merchant.pem").write_bytes(signer.public)
    settings = Settings(
        data_dir=directory,
        sandbox_merchant_public_key_file=directory / "merchant.pem",
        sandbox_webhook_url="http://nobody.invalid/webhooks",
    )

    async def inside() -> None:
        nobody = httpx.MockTransport(lambda _: httpx.Response(500))
        sandbox_key.give(directory)
        app = make_app(settings, nobody)
        transport = httpx.ASGITransport(app)
        gateway = Gateway("http://pingpp", "sk_test_x", signer.key, transport)
        again = Gateway("http://pingpp", "sk_test_x", signer.key, transport)
        context = Context(
            store=Store(client, Keys()), livemode=False, apps=frozenset(), order_key="order_no",
            keep_bodies_s=60, gateway=lambda: again,
        )  # fmt: skip
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://pingpp") as customer,
            gateway,
        ):
            await story(Shop(client, Desk(Store(client, Keys()), gateway, False), context, customer))

    asyncio.run(inside())
