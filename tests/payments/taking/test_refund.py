"""Refunds: never more than was paid, and never twice."""

import asyncio

import pytest

from payments.books import attempts
from payments.books.attempts import NotPossible
from payments.pingpp.gateway import NotNow, Refused
from tests.conftest import messages
from tests.payments.taking.kit import ORDER, Run, Shop, only_charge

OVER_S = attempts.OVER_MS / 1000


async def paid(shop: Shop, **changes: object) -> str:
    """A payment that is paid, and its charge."""
    charge = only_charge((await shop.create(**changes)).payment)
    await shop.pays(charge)
    await shop.time_passes(15)
    return charge


def test_a_refund_to_its_end(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await paid(shop)
        done = await shop.refund(amount=40)
        refund = done.payment.refunds[0]
        assert (refund.amount, refund.status, done.attempt.refund) == (40, "pending", refund.id)
        assert shop.due() == {"checks": [f":{charge}"]}
        await shop.customer.post(f"/sandbox/refunds/{refund.id}/succeed")
        await shop.time_passes(15)
        assert (await shop.payment()).status == "partially_refunded"
        assert shop.told() == [f"paid:{ORDER}", f"refunded:{refund.id}"]
        assert messages(shop.client)[1]["data"]["payment"]["refunds"][0]["idempotency_key"] == "R1"
        assert shop.due() == {}
        rest = await shop.refund("R2")
        assert rest.attempt.amount == 60

    shop(story)


def test_a_failed_refund_frees_its_amount(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await paid(shop)
        refund = (await shop.refund()).payment.refunds[0]
        assert await shop.refused(shop.refund("R2", amount=1)) == "refund_exceeds"
        await shop.customer.post(f"/sandbox/refunds/{refund.id}/fail")
        await shop.time_passes(15)
        assert shop.told()[1:] == [f"refund_failed:{refund.id}"]
        assert (await shop.refund("R3")).attempt.amount == 100

    shop(story)


def test_many_at_once_never_refund_more_than_was_paid(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await paid(shop)
        outcomes = await asyncio.gather(
            *[shop.refund(f"R{n}", amount=30) for n in range(10)], return_exceptions=True
        )
        refused = [one for one in outcomes if isinstance(one, NotPossible)]
        assert [one.code for one in refused] == ["refund_exceeds"] * 7
        assert len((await shop.payment()).refunds) == 3

    shop(story)


def test_the_same_key_is_the_same_refund_and_another_body_is_refused(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await paid(shop)
        done = await asyncio.gather(*[shop.refund(amount=10) for _ in range(20)])
        assert len({one.attempt.refund for one in done}) == 1
        assert await shop.refused(shop.refund(amount=11)) == "key_reused"
        # two equal ones with keys of their own are two
        await shop.refund("R2", amount=10)
        listed = [one async for one in shop.desk.gateway.list_refunds(charge)]
        assert [one["amount"] for one in listed] == [10, 10]

    shop(story)


@pytest.mark.parametrize("fate", ["lose_answer", "error_after"])
def test_a_lost_answer_is_found_among_equal_refunds(shop: Run, fate: str) -> None:
    async def story(shop: Shop) -> None:
        charge = await paid(shop)
        first = await shop.refund(amount=10)
        await shop.next(fate, path=f"/v1/charges/{charge}/refunds")
        second = await shop.refund("R2", amount=10)
        assert second.attempt.refund
        assert second.attempt.refund != first.attempt.refund
        assert len((await shop.payment()).refunds) == 2

    shop(story)


def test_a_lost_call_keeps_its_amount_until_it_is_surely_over(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await paid(shop)
        await shop.next("lose_request", path=f"/v1/charges/{charge}/refunds")
        lost = await shop.refund()
        assert lost.attempt.open
        assert await shop.refused(shop.refund("R2", amount=1)) == "refund_exceeds"
        await shop.time_passes(OVER_S)
        assert shop.told()[1:] == [f"refund_failed:{lost.attempt.id}"]
        assert (await shop.refund("R2")).attempt.refund
        # asked again with its own key, the first is told as what it was
        assert (await shop.refund()).attempt.failure

    shop(story)


def test_a_refusal_is_told_and_a_limit_can_be_tried_again_with_the_same_key(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await paid(shop)
        path = f"/v1/charges/{charge}/refunds"
        await shop.next("error", path=path, status=429)
        limited = await shop.refund()
        assert isinstance(limited.problem, NotNow)
        await shop.next("refuse", path=path)
        refused = await shop.refund()
        assert isinstance(refused.problem, Refused)
        assert shop.told()[1:] == [f"refund_failed:{refused.attempt.id}"]
        assert (await shop.refund()).attempt.failure == refused.attempt.failure
        assert (await shop.refund("R2")).attempt.refund

    shop(story)


def test_what_is_not_paid_or_all_given_back_cannot_be_refunded(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        assert await shop.refused(shop.refund()) == "not_refundable"
        await shop.pays(charge)
        await shop.time_passes(15)
        assert await shop.refused(shop.refund(charge="ch_other")) == "not_refundable"
        assert await shop.refused(shop.refund(amount=101)) == "refund_exceeds"
        await shop.refund()
        assert await shop.refused(shop.refund("R2")) == "not_refundable"

    shop(story)


def test_of_several_paid_charges_one_has_to_be_named(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create(channel="upacp_qr")
        payment = (await shop.create()).payment
        for charge in payment.charges:
            await shop.pays(charge.id)
        await shop.time_passes(15)
        assert await shop.refused(shop.refund()) == "charge_needed"
        second = payment.charges[1].id
        assert (await shop.refund(charge=second)).attempt.charge == second

    shop(story)


def test_a_refund_made_in_the_dashboard_counts(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await paid(shop)
        await shop.desk.gateway.create_refund(charge, {"amount": 70, "description": "by hand"})
        await shop.desk.see(await shop.desk.retrieve(charge))
        assert await shop.refused(shop.refund(amount=31)) == "refund_exceeds"
        assert (await shop.refund()).attempt.amount == 30

    shop(story)
