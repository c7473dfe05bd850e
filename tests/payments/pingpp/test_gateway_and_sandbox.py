"""Story: our calls against the sandbox, which checks our signature with code of its own."""

import asyncio
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import httpx
import pytest

from payments.pingpp.gateway import Gateway, NotFound, NotNow, Refused
from sandbox.app import make_app
from sandbox.settings import Settings
from tests import sandbox_key
from tests.flow.signer import Signer

APP = "app_1Gqj58ynP0mHeX1q"


def order(number: int = 1, **changes: Any) -> dict[str, Any]:
    return {
        "order_no": f"order{number:08d}",
        "app": {"id": APP},
        "channel": "alipay_qr",
        "amount": 100,
        "client_ip": "127.0.0.1",
        "currency": "cny",
        "subject": "茶叶",
        "body": "Your Body",
        **changes,
    }


Calls = Callable[[Gateway, httpx.AsyncClient], Coroutine[Any, Any, None]]


@pytest.fixture
def with_sandbox(tmp_path: Path, signer: Signer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Runs calls against a sandbox that knows the merchant's public key."""
    monkeypatch.chdir(tmp_path)  # no .env of a developer's
    (tmp_path / "merchant.pem").write_bytes(signer.public)
    settings = Settings(data_dir=tmp_path, sandbox_merchant_public_key_file=tmp_path / "merchant.pem")

    def run(calls: Calls, key: Any = signer.key) -> None:
        async def inside() -> None:
            sandbox_key.give(tmp_path)
            app = make_app(settings)
            transport = httpx.ASGITransport(app)
            async with (
                app.router.lifespan_context(app),
                httpx.AsyncClient(transport=transport, base_url="http://pingpp") as customer,
                Gateway("http://pingpp", "sk_test_x", key, transport) as gateway,
            ):
                await calls(gateway, customer)

        asyncio.run(inside())

    return run


def test_a_charge_from_its_creation_to_its_refund(with_sandbox: Callable[..., None]) -> None:
    async def calls(gateway: Gateway, customer: httpx.AsyncClient) -> None:
        charge = await gateway.create_charge(order(metadata={"note": "a&b=c?"}))
        assert (charge["paid"], charge["subject"]) == (False, "茶叶")
        assert (await customer.post(f"/sandbox/charges/{charge['id']}/pay")).status_code == 200
        assert (await gateway.retrieve_charge(charge["id"]))["paid"]
        refund = await gateway.create_refund(charge["id"], {"amount": 40, "description": "太大"})
        assert (refund["amount"], refund["charge"]) == (40, charge["id"])
        assert (await gateway.retrieve_refund(charge["id"], refund["id"]))["id"] == refund["id"]
        assert [one["id"] async for one in gateway.list_refunds(charge["id"])] == [refund["id"]]
        with pytest.raises(Refused) as refused:
            await gateway.create_refund(charge["id"], {"amount": 61, "description": "more than is left"})
        assert refused.value.status in (400, 402)

    with_sandbox(calls)


def test_an_unpaid_charge_is_reversed(with_sandbox: Callable[..., None]) -> None:
    async def calls(gateway: Gateway, _: httpx.AsyncClient) -> None:
        charge = await gateway.create_charge(order())
        assert (await gateway.reverse_charge(charge["id"]))["reversed"]

    with_sandbox(calls)


def test_a_list_is_paged_to_its_end_and_filtered(with_sandbox: Callable[..., None]) -> None:
    async def calls(gateway: Gateway, customer: httpx.AsyncClient) -> None:
        made = [(await gateway.create_charge(order(n)))["id"] for n in range(1, 131)]
        for charge in made[:3]:
            await customer.post(f"/sandbox/charges/{charge}/pay")
        pages = [page async for page in gateway.list_charges(APP)]
        assert [len(page) for page in pages] == [100, 30]
        ids = [charge["id"] for page in pages for charge in page]
        assert set(ids) == set(made)
        rest = [c["id"] async for page in gateway.list_charges(APP, after=ids[49]) for c in page]
        assert rest == ids[50:]
        paid = [
            c["id"] async for page in gateway.list_charges(APP, paid=True, channel="alipay_qr") for c in page
        ]
        assert set(paid) == set(made[:3])
        assert [page async for page in gateway.list_charges(APP, created_gt=4_000_000_000)] == []
        assert len([c async for page in gateway.list_charges(APP, created_gte=1) for c in page]) == 130

    with_sandbox(calls)


def test_what_is_not_there_and_what_is_not_signed(with_sandbox: Callable[..., None]) -> None:
    async def unknown(gateway: Gateway, _: httpx.AsyncClient) -> None:
        for call in (
            gateway.retrieve_charge("ch_x"),
            gateway.retrieve_event("evt_x"),
            gateway.reverse_charge("ch_x"),
        ):
            with pytest.raises(NotFound):
                await call

    async def unsigned(gateway: Gateway, _: httpx.AsyncClient) -> None:
        with pytest.raises(NotNow) as refused:
            await gateway.create_charge(order())
        assert refused.value.status == 401

    with_sandbox(unknown)
    with_sandbox(unsigned, None)
    with_sandbox(unsigned, Signer().key)
