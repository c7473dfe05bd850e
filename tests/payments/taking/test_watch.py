"""Charges made elsewhere: put under our care where they are what the merchant says, else left alone."""

import asyncio
from collections.abc import Coroutine
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from payments.books.attempts import NotPossible, reversal_due
from payments.books.document import TOKEN_BYTES, NewerSchema
from payments.books.next_check import Schedule
from payments.books.view import merchant_json
from payments.keys import CHECKS
from payments.pingpp.gateway import NotFound, NotNow, Refused, Unanswered
from payments.pingpp.sighting import ORDER_METADATA
from payments.taking.watch import Expected, Watched, watch
from tests.conftest import event_body
from tests.payments.taking import kit as taking
from tests.payments.taking.kit import APP, NAME, ORDER, Run, Shop, only_charge

OTHER = "order00000002"
RIGHT = Expected(ORDER, 100, "cny")
OF_ANOTHER = "order_conflict", [("order_no", ORDER)]


async def elsewhere(shop: Shop, order_no: str = ORDER, **changes: Any) -> str:
    """A charge that the merchant's own code made."""
    asked = {**taking.request(order_no=order_no, **changes), "app": {"id": APP}}
    made = await shop.desk.gateway.create_charge(asked)
    return str(made["id"])


async def webhook(shop: Shop, charge_id: str, type_: str = "charge.succeeded", **changes: Any) -> None:
    """An event that tells of the charge as it stands at Ping++, with changes, is applied; one that calls an open charge
    succeeded is asked about first.
    """
    charge = {**await shop.desk.gateway.retrieve_charge(charge_id), **changes}
    keys, member = shop.desk.store.keys, f"evt_{len(shop.told())}:{charge_id}"
    shop.client.set(keys.body(member), event_body(charge, type_, livemode=False, number=1))
    shop.client.zadd(keys.due("events"), {member: 1})
    await shop.look()


async def refused(coming: Coroutine[Any, Any, Watched]) -> tuple[str, list[tuple[str, str]]]:
    """The code of a NotPossible, and what it names."""
    with pytest.raises(NotPossible) as caught:
        await coming
    return caught.value.code, [(one["field"], one["rule"]) for one in caught.value.more.get("errors", ())]


def books(shop: Shop) -> dict[bytes, Any]:
    """All that Redis holds."""
    names: Any = shop.client.keys("*")
    return {name: shop.client.dump(name) for name in names}


def test_an_open_charge_is_taken_under_care_and_its_end_is_published_without_a_webhook(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        watched = await watch(shop.desk, charge, RIGHT, apps=[APP])
        payment = watched.payment
        assert watched.new
        assert (payment.name, payment.status, only_charge(payment)) == (NAME, "pending", charge)
        assert payment.registration is not None
        assert (payment.registration.amount, payment.registration.currency) == (100, "cny")
        shown = merchant_json(payment, "https://shop")
        assert not shown.keys() & {"checkout_url", "qr_text", "charge"}
        assert not shop.client.keys("checkout:*")
        assert shop.due() == {"checks": [f":{charge}"]}
        assert shop.told() == []
        await shop.pays(charge)
        await shop.time_passes(15)
        assert (await shop.payment()).status == "paid"
        assert shop.told() == [f"paid:{ORDER}"]
        assert shop.due() == {}

    shop(story)


def test_asked_again_it_is_the_same_and_ping_is_not_asked(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        first = await watch(shop.desk, charge, RIGHT)
        before = books(shop)
        await shop.next("lose_request", method="GET", times=10)
        for expected in (RIGHT, Expected(), Expected(amount=100), Expected(order_no=ORDER)):
            assert await watch(shop.desk, charge, expected) == Watched(first.payment, new=False)
        assert books(shop) == before

    shop(story)


def test_many_at_once_take_it_once(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await shop.pays(charge)
        both = (Expected(), RIGHT)
        found = await asyncio.gather(*[watch(shop.desk, charge, both[n % 2]) for n in range(20)])
        assert sum(one.new for one in found) == 1
        assert (await shop.payment()).registration is not None
        assert shop.told() == [f"paid:{ORDER}"]

    shop(story)


def test_a_charge_that_was_paid_before_is_published_at_once(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await shop.pays(charge)
        assert (await watch(shop.desk, charge, Expected())).payment.status == "paid"
        assert shop.told() == [f"paid:{ORDER}"]
        assert shop.due() == {}

    shop(story)


def test_the_order_that_the_merchant_names_wins_over_the_charges_own(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, "attempt7")
        payment = (await watch(shop.desk, charge, Expected(order_no=ORDER))).payment
        assert (payment.name, payment.registration) == (NAME, None)
        await webhook(shop, charge, paid=True, time_paid=1_700_000_000)
        assert shop.told() == [f"paid:{ORDER}"]
        assert await shop.desk.load(f"{APP}:attempt7") is None

    shop(story)


def test_without_it_the_rule_of_order_key_decides(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        desk = replace(shop.desk, order_key="metadata.shop_order")
        charge = await elsewhere(shop, "attempt7", metadata={"shop_order": ORDER})
        assert (await watch(desk, charge, Expected())).payment.name == NAME

    shop(story)


@pytest.mark.parametrize(
    ("expected", "differs"),
    [
        (Expected(amount=101), [("amount", "100")]),
        (Expected(currency="usd"), [("currency", "cny")]),
        (Expected(ORDER, 1, "usd"), [("amount", "100"), ("currency", "cny")]),
    ],
)
@pytest.mark.parametrize("known", [False, True])
def test_another_price_is_a_conflict_and_changes_nothing(
    shop: Run, expected: Expected, differs: list[tuple[str, str]], known: bool
) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        if known:
            await watch(shop.desk, charge, Expected())
        before = books(shop)
        assert await refused(watch(shop.desk, charge, expected)) == ("order_conflict", differs)
        assert books(shop) == before

    shop(story)


@pytest.mark.parametrize("how", ["watched", "told of", "asked about", "made here"])
def test_the_schedule_of_the_settings_is_what_every_way_follows(shop: Run, how: str) -> None:
    async def story(shop: Shop) -> None:
        slowly = Schedule(100, (1000,))
        shop.desk, shop.context = replace(shop.desk, schedule=slowly), replace(shop.context, schedule=slowly)
        if how == "made here":
            payment = (await shop.create()).payment
            charge, began_ms = only_charge(payment), payment.attempts[0].at_ms
        else:
            charge = await elsewhere(shop)
            began_ms = 1000 * (await shop.desk.gateway.retrieve_charge(charge))["created"]
        if how == "watched":
            await watch(shop.desk, charge, RIGHT)
        elif how != "made here":
            await webhook(shop, charge, "charge.succeeded" if how == "asked about" else "charge.closed")
        key, member = shop.desk.store.keys.due(CHECKS), f":{charge}"
        assert shop.client.zscore(key, member) == began_ms + 100_000
        shop.client.zadd(key, {member: 1})  # a look before its time moves nothing
        await shop.look()
        assert shop.client.zscore(key, member) == began_ms + 100_000

    shop(story)


def test_an_order_that_stands_for_another_price_is_a_conflict(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        charge = await elsewhere(shop, OTHER, amount=250)
        before = books(shop)
        for expected in (Expected(ORDER), Expected(ORDER, 250), Expected(ORDER, 250, "cny")):
            assert await refused(watch(shop.desk, charge, expected)) == (
                "order_conflict",
                [("amount", "100")],
            )
        assert books(shop) == before

    shop(story)


def test_no_price_is_registered_that_another_charge_of_the_order_contradicts(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await webhook(shop, await elsewhere(shop))
        charge = await elsewhere(shop, OTHER, amount=250)
        before = books(shop)
        assert await refused(watch(shop.desk, charge, Expected(ORDER, 250))) == (
            "order_conflict",
            [("amount", "100")],
        )
        assert books(shop) == before
        # where no price is said, it is a charge like any other
        assert len((await watch(shop.desk, charge, Expected(ORDER))).payment.charges) == 2

    shop(story)


def test_a_charge_of_another_order_is_a_conflict(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await watch(shop.desk, charge, RIGHT)
        before = books(shop)
        assert await refused(watch(shop.desk, charge, Expected(OTHER))) == OF_ANOTHER
        assert books(shop) == before

    shop(story)


def test_so_is_one_that_is_tied_to_another_order_while_ping_is_asked(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        retrieve = type(shop.desk).retrieve

        async def meanwhile(desk: Any, charge_id: str) -> Any:
            seen = await retrieve(desk, charge_id)
            with monkeypatch.context() as patched:
                patched.setattr(type(shop.desk), "retrieve", retrieve)
                await webhook(shop, charge)
            return seen

        with monkeypatch.context() as patched:
            patched.setattr(type(shop.desk), "retrieve", meanwhile)
            assert await refused(watch(shop.desk, charge, Expected(OTHER, 100))) == OF_ANOTHER
        assert await shop.desk.load(f"{APP}:{OTHER}") is None

    shop(story)


def test_a_charge_of_an_attempt_of_ours_belongs_to_its_order(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, "attempt7", metadata={ORDER_METADATA: ORDER})
        assert await refused(watch(shop.desk, charge, Expected(OTHER))) == OF_ANOTHER
        assert (await watch(shop.desk, charge, RIGHT)).payment.name == NAME

    shop(story)


def test_a_charge_that_a_webhook_told_of_is_compared_and_its_price_registered(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await webhook(shop, charge)
        watched = await watch(shop.desk, charge, RIGHT)
        assert not watched.new
        # as if it had been put under watch first
        assert msgspec.to_builtins(watched.payment.registration) == {
            "amount": 100,
            "currency": "cny",
            "livemode": False,
        }
        assert shop.due() == {"checks": [f":{charge}"]}

    shop(story)


def test_a_further_charge_of_another_price_is_a_dead_letter_and_not_published(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await watch(shop.desk, await elsewhere(shop), RIGHT)
        wrong = await elsewhere(shop, "attempt7", amount=1, metadata={ORDER_METADATA: ORDER})
        await shop.pays(wrong)
        await webhook(shop, wrong)
        letters: Any = shop.client.zrange(shop.desk.store.keys.dead_letters, 0, -1)
        found: Any = [
            shop.client.hget(shop.desk.store.keys.dead_letter(one.decode()), "reason") for one in letters
        ]
        assert found == [b"not_as_registered"]
        assert shop.told() == []

    shop(story)


def test_what_is_not_ours_is_left_alone(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        live = replace(shop.desk, livemode=True)
        for known in (False, True):
            before = books(shop)
            assert (await refused(watch(shop.desk, charge, RIGHT, apps=["app_x"])))[0] == "not_ours"
            assert (await refused(watch(live, charge, RIGHT)))[0] == "not_ours"
            assert books(shop) == before
            if not known:
                await watch(shop.desk, charge, RIGHT)

    shop(story)


@pytest.mark.parametrize(
    ("fate", "more", "error"),
    [
        ("refuse", {"status": 400}, Refused),
        ("refuse", {"status": 429}, NotNow),
        ("refuse", {"status": 401}, NotNow),
        ("lose_request", {}, Unanswered),
        ("error", {}, Unanswered),
    ],
)
def test_where_ping_does_not_tell_nothing_is_recorded(
    shop: Run, fate: str, more: dict[str, Any], error: type[Exception]
) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await shop.next(fate, method="GET", path="/v1/charges/*", times=3, **more)
        with pytest.raises(error):
            await watch(shop.desk, charge, RIGHT)
        assert shop.client.keys("*") == []
        await shop.customer.delete("/sandbox/next")
        assert (await watch(shop.desk, charge, RIGHT)).new

    shop(story)


def test_what_ping_does_not_know_and_what_it_answers_too_late(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shop: Shop) -> None:
        with pytest.raises(NotFound):
            await watch(shop.desk, "ch_nobody_made", RIGHT)
        charge = await elsewhere(shop)
        with monkeypatch.context() as patched:
            patched.setattr("payments.taking.watch._ANSWER_WITHIN_S", 0)
            with pytest.raises(Unanswered):
                await watch(shop.desk, charge, RIGHT)
        assert shop.client.keys("*") == []

    shop(story)


def test_books_of_a_later_release_are_left_alone(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop)
        await watch(shop.desk, charge, RIGHT)
        shop.client.setrange(shop.desk.store.keys.payment(NAME), TOKEN_BYTES, b'{"schema":9')
        with pytest.raises(NewerSchema):
            await watch(shop.desk, charge, RIGHT)

    shop(story)


def test_it_is_looked_at_closely_at_the_till_and_never_reversed(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = await elsewhere(shop, channel="isv_qr", extra=taking.ISV)
        await watch(shop.desk, charge, RIGHT)
        assert shop.due() == {"checks_now": [f":{charge}"]}
        await shop.time_passes(90)
        payment = await shop.payment()
        assert (payment.status, payment.reversals) == ("pending", ())
        assert reversal_due(payment, payment.charges[0]) is None
        assert await shop.refused(shop.stop(ends=False)) == "not_reversible"

    shop(story)


def test_a_new_charge_for_an_order_that_was_closed_is_not_late(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        first = await elsewhere(shop)
        await watch(shop.desk, first, RIGHT)
        await shop.desk.gateway.reverse_charge(first)
        await shop.time_passes(15)
        assert shop.told() == [f"closed:{first}"]
        second = await elsewhere(shop, "attempt7")
        assert (await watch(shop.desk, second, RIGHT)).payment.status == "pending"
        await shop.pays(second)
        await shop.time_passes(15)
        assert shop.told() == [f"closed:{first}", f"paid:{ORDER}"]
        # one that was made before the end, and of which we hear after it, is
        fourth = await elsewhere(shop, "attempt8")
        third = await elsewhere(shop, OTHER)
        await watch(shop.desk, third, Expected(OTHER))
        await shop.desk.gateway.reverse_charge(third)
        await shop.time_passes(15)
        await shop.pays(fourth)
        await watch(shop.desk, fourth, Expected(OTHER))
        assert shop.told()[-1] == f"paid_late:{fourth}"

    shop(story)
