"""The desk: what a decision or a look of ours leaves in the books, and what it says beside."""

from dataclasses import dataclass

import pytest
from msgspec.structs import replace

from payments.books.attempts import NotPossible
from payments.books.fold import Folded
from payments.books.join import Odd
from payments.books.payment import Payment
from payments.due import Errand
from payments.keys import CHECKS
from payments.members import member_of_charge
from payments.pingpp import sighting as sightings
from tests.payments.taking.kit import APP, NAME, Run, Shop, only_charge, request


@dataclass(frozen=True, slots=True, kw_only=True)
class Said(Folded):
    word: str


async def elsewhere(shop: Shop, order_no: str = "elsewhere1") -> str:
    """A charge that the merchant's own code made."""
    made = await shop.desk.gateway.create_charge(request(order_no=order_no, app={"id": APP}))
    return str(made["id"])


def test_a_change_returns_all_that_was_decided(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()

        def decide(payment: Payment, now_ms: int) -> Said:
            return Said(replace(payment, reopened=False), word=f"after {payment.created_ms <= now_ms}")

        said = await shop.desk.change(NAME, decide)
        assert said.word == "after True"
        assert said.payment == await shop.payment()

    shop(story)


def test_what_a_decision_raises_changes_nothing(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        before, due = await shop.payment(), shop.due()

        def decide(*_: object) -> Folded:
            raise NotPossible("not_payable", "x")

        errand = Errand(CHECKS, member_of_charge(only_charge(before)), 1)
        with pytest.raises(NotPossible):
            await shop.desk.change(NAME, decide, errand=errand)
        assert (await shop.payment(), shop.due()) == (before, due)

    shop(story)


def test_a_look_ends_the_errand_that_it_was_for(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        errand = Errand(CHECKS, member_of_charge(charge), await shop.desk.now_ms())
        await shop.desk.see(await shop.desk.retrieve(charge), errand=errand)
        assert shop.due() == {CHECKS: [errand.member]}  # not paid yet: it is set anew
        await shop.pays(charge)
        payment = await shop.desk.see(await shop.desk.retrieve(charge), errand=errand)
        assert (payment.status, shop.due()) == ("paid", {})

    shop(story)


def test_a_charge_is_new_once_and_belongs_to_the_payment_that_is_named(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        seen = await shop.desk.retrieve(await elsewhere(shop))
        taken = await shop.desk.take(seen, name=NAME)
        assert (taken.new, taken.payment.name) == (True, NAME)
        assert not (await shop.desk.take(seen)).new
        assert await shop.desk.load(f"{APP}:elsewhere1") is None

    shop(story)


def test_an_odd_look_is_not_taken_nor_is_what_goes_before_it(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        before = await shop.payment()
        there = await shop.desk.gateway.retrieve_charge(charge)
        seen = sightings.of_charge({**there, "amount": 101}, "retrieve", 1)
        with pytest.raises(Odd) as caught:
            await shop.desk.see(seen, before_folding=lambda one, _: replace(one, reopened=False))
        assert caught.value.code == "identity_conflict"
        assert not caught.value.held.reopened
        assert await shop.payment() == before

    shop(story)


def test_all_refunds_are_listed_where_they_are_wanted(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.pays(charge)
        for _ in range(11):
            await shop.desk.gateway.create_refund(charge, {"amount": 1, "description": "x"})
        seen = await shop.desk.retrieve(charge, all_refunds=True)
        assert (len(seen.refunds), seen.more_refunds) == (11, False)

    shop(story)
