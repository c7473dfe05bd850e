"""The desk: where a call to Ping++ and the books meet. What Ping++ answers is a sighting like any other."""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from payments import clock
from payments.books import checks, ledger, message
from payments.books.fold import Folded
from payments.books.join import Decision
from payments.books.payment import Payment
from payments.keys import CHECKS
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import Gateway
from payments.pingpp.sighting import Sighting, order_of
from payments.store import Store

Change = Callable[[Payment, int], Payment]


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to change payments and to call Ping++ about them. `livemode`, `order_key` and `schedule` are
    settings.
    """

    store: Store
    gateway: Gateway
    livemode: bool
    order_key: str = "order_no"
    schedule: checks.Schedule = checks.BY_DEFAULT

    async def load(self, name: str) -> Payment | None:
        """A payment by its name, `<app>:<order_no>`. Raises NewerSchema."""
        return await asyncio.to_thread(ledger.load_payment, self.store, name)

    async def change(
        self,
        name: str,
        decide: Callable[[Payment, int], Folded],
        *,
        what: str = CHECKS,
        done: str = "",
    ) -> Payment:
        """Change a payment by a decision of ours. Raises what `decide` raises, NewerSchema and Busy."""

        def decided(payment: Payment, now_ms: int) -> Decision:
            folded = decide(payment, now_ms)
            return Decision(folded.payment, message.of_attempt(folded, now_ms) if folded.messages else [])

        return await asyncio.to_thread(
            ledger.change, self.store, name, decided,
            what=what, done=done, schedule=self.schedule,
        )  # fmt: skip

    async def see(
        self,
        seen: Sighting,
        *,
        first: Change | None = None,
        name: str = "",
        what: str = CHECKS,
        done: str = "",
    ) -> Payment:
        """Take a look of our own into the books; `first` changes the payment before it, in the same step. A charge that
        is tied to no payment yet goes to the one called `name`, else to the one that it names itself.

        Raises Odd, NewerSchema and Busy.
        """
        named = name or (f"{seen.app}:{order_of(seen.charge, self.order_key)}" if seen.charge else "")

        def decided(payment: Payment, now_ms: int) -> Decision:
            decision = Decision(first(payment, now_ms) if first else payment)
            decision.take(seen)
            return decision

        return await asyncio.to_thread(
            ledger.change, self.store, named, decided,
            charge=seen.charge_id, what=what, done=done, schedule=self.schedule,
        )  # fmt: skip

    async def now_ms(self) -> int:
        """The time by Redis's clock, for looks that begin now."""
        return await asyncio.to_thread(clock.now_ms, self.store.client)

    async def retrieve(self, charge_id: str, *, all_refunds: bool = False) -> Sighting:
        """Ask Ping++ for a charge. Raises GatewayError and Malformed."""
        at_ms = await self.now_ms()
        charge = await self.gateway.retrieve_charge(charge_id)
        seen = sightings.of_charge(charge, "retrieve", at_ms)
        if all_refunds or seen.more_refunds:
            refunds = [one async for one in self.gateway.list_refunds(charge_id)]
            seen = sightings.of_charge(with_refunds(charge, refunds), "retrieve", at_ms)
        if seen.charge_id != charge_id:
            raise sightings.Malformed("asked for one charge, Ping++ answered with another")
        return seen


def with_refunds(charge: dict[str, Any], refunds: list[dict[str, Any]]) -> dict[str, Any]:
    """A charge that lists all of its refunds, not the latest ten."""
    return {**charge, "refunds": {"object": "list", "has_more": False, "data": refunds}}
