"""Holds what the merchant API and the checkout work with, built once at the start of a receiver."""

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
    """The connections and settings that calls and pages share."""

    store: Store
    async_client: redis.asyncio.Redis
    following: Following
    #: without a slash at its end
    public_url: str
    #: the merchant's apps; empty: any
    apps: tuple[str, ...] = ()
    #: bearer tokens of the merchant API
    tokens: tuple[bytes, ...] = ()
    on_paid_late: str = "tell"
    #: None: the merchant API is not served; only the API calls Ping++
    desk: Desk | None = None

    async def find(self, name: str) -> Held | None:
        """The payment with this name, `<app>:<order_no>`; None: there is none. Raises NewerSchema."""
        value = cast("bytes | None", await self.async_client.get(self.store.keys.payment(name)))
        return read_held(name, value) if value is not None else None

    async def find_by_token(self, token: str) -> Held | None:
        """The payment whose checkout has this token; None: there is none. Raises NewerSchema."""
        name = cast("bytes | None", await self.async_client.get(self.store.keys.checkout(token)))
        return await self.find(name.decode()) if name else None

    async def hasten(self, held: Held) -> bool:
        """Have the charges that are not settled checked now, at most once in a few seconds. Does not wait for it."""
        return await asyncio.to_thread(hasten_.hasten, self.store, held.payment)
