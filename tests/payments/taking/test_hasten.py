"""Somebody waits: the next look comes at once, and at most once in a few seconds."""

from payments.keys import CHECKS_NOW
from payments.members import member_of_attempt, member_of_charge
from payments.taking.hasten import hasten
from tests.payments.taking.kit import NAME, Run, Shop, only_charge


def test_what_is_open_is_due_at_once(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        payment = (await shop.create()).payment
        store = shop.desk.store
        assert hasten(store, payment)
        member = member_of_charge(only_charge(payment))
        assert shop.due()[CHECKS_NOW] == [member]
        due_ms = shop.client.zscore(store.keys.due(CHECKS_NOW), member)
        assert isinstance(due_ms, float)
        assert due_ms <= await shop.desk.now_ms()
        assert shop.client.exists(store.keys.bell(CHECKS_NOW))
        assert not hasten(store, payment)  # it was just asked for

    shop(story)


def test_so_is_an_attempt_of_which_nobody_knows_but_never_later_than_before(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.next("lose_request")
        payment = (await shop.create()).payment
        member, key = member_of_attempt(payment.attempts[0].id, NAME), shop.desk.store.keys.due(CHECKS_NOW)
        shop.client.zadd(key, {member: 7})
        assert hasten(shop.desk.store, payment)
        assert shop.client.zscore(key, member) == 7

    shop(story)


def test_what_is_settled_is_not_looked_at(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        payment = (await shop.create()).payment
        await shop.pays(only_charge(payment))
        payment = await shop.desk.see(await shop.desk.retrieve(only_charge(payment)))
        assert not hasten(shop.desk.store, payment)
        assert shop.due() == {}

    shop(story)
