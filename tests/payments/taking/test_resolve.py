"""Attempts of which nobody knows how they ended are looked for, and end once their call is surely over."""

from payments.due import Errand
from payments.keys import CHECKS_NOW
from payments.members import member_of_attempt
from payments.taking.resolve import find_charge, find_refund, resolve_create, resolve_refund
from tests.payments.taking.kit import APP, NAME, Run, Shop, only_charge


async def lost(shop: Shop, *, answer: bool) -> None:
    """A call that was lost, or its answer; and nobody could look for what it made."""
    await shop.next("lose_answer" if answer else "lose_request")
    await shop.next("lose_request", method="GET", times=5)
    await shop.create()
    await shop.customer.delete("/sandbox/next")


def test_the_charge_is_found_by_the_attempt_that_it_names(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await lost(shop, answer=True)
        payment = await shop.payment()
        (attempt,) = payment.attempts
        found = await find_charge(shop.desk, APP, attempt)
        assert found is not None
        assert found.charge_id == (await shop.at_pingpp())[0]["id"]
        errand = Errand(CHECKS_NOW, member_of_attempt(attempt.id, NAME), attempt.over_ms + 1)
        payment = await resolve_create(shop.desk, payment, attempt, errand)
        assert (payment.attempts[0].charge, payment.status) == (found.charge_id, "pending")
        assert CHECKS_NOW not in shop.due()

    shop(story)


def test_one_that_made_nothing_ends_when_its_call_is_over_and_not_before(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await lost(shop, answer=False)
        payment = await shop.payment()
        (attempt,) = payment.attempts
        member = member_of_attempt(attempt.id, NAME)
        early = Errand(CHECKS_NOW, member, attempt.over_ms - 1)
        assert (await resolve_create(shop.desk, payment, attempt, early)).attempts == (attempt,)
        assert shop.due() == {CHECKS_NOW: [member]}
        over = Errand(CHECKS_NOW, member, attempt.over_ms)
        (ended,) = (await resolve_create(shop.desk, payment, attempt, over)).attempts
        assert ended.failure
        assert ended.failure.code == "not_created"
        assert shop.due() == {}
        assert shop.told() == [f"failed:{attempt.id}"]

    shop(story)


def test_so_does_an_attempt_to_refund(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.pays(charge)
        await shop.desk.see(await shop.desk.retrieve(charge))
        await shop.next("lose_request", path=f"/v1/charges/{charge}/refunds")
        attempt = (await shop.refund()).attempt
        assert await find_refund(shop.desk, attempt) is None
        payment, member = await shop.payment(), member_of_attempt(attempt.id, NAME)
        early = Errand(CHECKS_NOW, member, attempt.over_ms - 1)
        assert (await resolve_refund(shop.desk, payment, attempt, early)).refund_attempts[0].open
        over = Errand(CHECKS_NOW, member, attempt.over_ms)
        payment = await resolve_refund(shop.desk, payment, attempt, over)
        assert payment.refund_attempts[0].failure
        assert payment.available(payment.charges[0]) == 100

    shop(story)
