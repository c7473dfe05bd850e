"""What the merchant API and the checkout work with, built once at the start of a receiver."""

import asyncio
from dataclasses import dataclass
from typing import cast

import redis
import redis.asyncio

from ingest.following import Following
from payments.books.ledger import Held, read_held
from payments.store import Store
from payments.taking import hasten as hasten_
from payments.taking.desk import Desk


@dataclass(frozen=True, slots=True)
class Office:
    """`desk` is there where the merchant API is served: only it calls Ping++. `tokens` are those of the API; `apps` the
    apps that are ours (empty: any); `public_url` has no slash at its end.
    """

    store: Store
    async_client: redis.asyncio.Redis
    following: Following
    public_url: str
    apps: tuple[str, ...] = ()
    tokens: tuple[bytes, ...] = ()
    on_paid_late: str = "tell"
    desk: Desk | None = None

    async def find(self, name: str) -> Held | None:
        """A payment by its name, `<app>:<order_no>`; None where there is none. Raises NewerSchema."""
        value = cast("bytes | None", await self.async_client.get(self.store.keys.payment(name)))
        return read_held(name, value) if value is not None else None

    async def find_by_token(self, token: str) -> Held | None:
        """The payment whose checkout has this token."""
        name = cast("bytes | None", await self.async_client.get(self.store.keys.checkout(token)))
        return await self.find(name.decode()) if name else None

    async def hasten(self, held: Held) -> bool:
        """Have what is not settled looked at now; at most once in a few seconds. Nobody waits for it here."""
        return await asyncio.to_thread(hasten_.hasten, self.store, held.payment)
