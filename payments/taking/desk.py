"""The desk: changes payments in the books, and takes answers of Ping++ into them, as sightings like any
other.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from payments import clock
from payments.books import ledger, message, next_check
from payments.books.fold import Folded
from payments.books.join import Decision
from payments.books.payment import Payment
from payments.due import Errand
from payments.pingpp import sighting as sightings
from payments.pingpp.gateway import Gateway
from payments.pingpp.sighting import Sighting, order_of
from payments.store import Store

Change = Callable[[Payment, int], Payment]
F = TypeVar("F", bound=Folded)
D = TypeVar("D", bound=Decision)


@dataclass(slots=True, kw_only=True)
class _Changed(Decision, Generic[F]):
    folded: F


@dataclass(slots=True, kw_only=True)
class Taken(Decision):
    """A look as it was taken into the books."""

    #: the charge was not in the books before
    new: bool


@dataclass(frozen=True, slots=True)
class Desk:
    """What is needed to change payments and to call Ping++ about them."""

    store: Store
    gateway: Gateway
    livemode: bool
    #: where charges made elsewhere keep the merchant's order number (ORDER_KEY)
    order_key: str = "order_no"
    #: of the checks that follow from a change
    schedule: next_check.Schedule = next_check.BY_DEFAULT

    async def load(self, name: str) -> Payment | None:
        """A payment by its name, `<app>:<order_no>`. Raises NewerSchema."""
        return await asyncio.to_thread(ledger.load_payment, self.store, name)

    async def change(
        self, name: str, decide: Callable[[Payment, int], F], *, errand: Errand | None = None
    ) -> F:
        """Change a payment by a decision of ours. `decide` gets the payment and the time (ms); what it
        returns is returned here. Raises what `decide` raises, NewerSchema and Busy.
        """

        def decided(payment: Payment, now_ms: int) -> _Changed[F]:
            folded = decide(payment, now_ms)
            told = message.of_attempt(folded, now_ms) if folded.messages else []
            return _Changed(folded.payment, told, folded=folded)

        return (await self._write(name, decided, errand=errand)).folded

    async def see(
        self, seen: Sighting, *, before_folding: Change | None = None, errand: Errand | None = None
    ) -> Payment:
        """Take a look of our own into the books. Returns the payment as it is now. Raises as `take` does."""
        return (await self.take(seen, before_folding=before_folding, errand=errand)).payment

    async def take(
        self,
        seen: Sighting,
        *,
        before_folding: Change | None = None,
        name: str = "",
        errand: Errand | None = None,
    ) -> Taken:
        """Take a look of our own into the books; `before_folding` changes the payment in the same step. A
        charge that is not tied to a payment yet goes to the payment `name`, else to the one that the charge
        names.

        Raises Odd, NewerSchema and Busy.
        """
        named = name or (f"{seen.app}:{order_of(seen.charge, self.order_key)}" if seen.charge else "")

        def decided(payment: Payment, now_ms: int) -> Taken:
            changed = before_folding(payment, now_ms) if before_folding else payment
            taken = Taken(changed, new=payment.charge(seen.charge_id) is None)
            taken.take(seen)
            return taken

        return await self._write(named, decided, charge=seen.charge_id, errand=errand)

    async def _write(
        self,
        name: str,
        decide: Callable[[Payment, int], D],
        *,
        charge: str | None = None,
        errand: Errand | None,
    ) -> D:
        return await asyncio.to_thread(
            lambda: ledger.change(
                self.store, name, decide, charge=charge, errand=errand, schedule=self.schedule
            )
        )

    async def now_ms(self) -> int:
        """The time by Redis's clock, for looks that begin now."""
        return await asyncio.to_thread(clock.now_ms, self.store.client)

    async def retrieve(self, charge_id: str, *, all_refunds: bool = False) -> Sighting:
        """Ask Ping++ for a charge; `all_refunds`: with all of them, not the latest ten. Raises GatewayError
        and Malformed.
        """
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
    """The Charge object with these refunds as its complete list (a Charge lists its latest ten)."""
    return {**charge, "refunds": {"object": "list", "has_more": False, "data": refunds}}
