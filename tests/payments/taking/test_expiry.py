"""Story: the end of what nobody paid, and of what somebody paid in the last second, with all webhooks lost."""

from collections.abc import Callable

import pytest

from payments.books import fold
from payments.pingpp.sighting import of_charge
from tests.payments.taking.kit import ORDER, Run, Shop, only_charge


@pytest.fixture
def a_day_later(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """From now on a look is one after `time_expire` and its grace: a day cannot be waited for."""
    return lambda: monkeypatch.setattr(fold, "EXPIRY_GRACE", -2 * 86_400)


def test_what_nobody_paid_is_closed_by_the_look_after_its_expiry(
    shop: Run, a_day_later: Callable[[], None]
) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        assert (await shop.payment()).status == "pending"
        a_day_later()
        await shop.time_passes(86_461)
        assert (await shop.payment()).status == "closed"
        assert shop.told() == [f"closed:{charge}"]
        assert shop.due() == {}

    shop(story)


def test_what_was_paid_in_the_second_after_the_last_look_before_its_expiry_is_paid(
    shop: Run, a_day_later: Callable[[], None]
) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.pays(charge)
        assert (await shop.payment()).status == "pending"
        a_day_later()
        await shop.time_passes(86_461)
        assert shop.told() == [f"paid:{ORDER}"]
        assert shop.due() == {}

    shop(story)


def test_what_ping_learns_of_after_all_is_late(shop: Run, a_day_later: Callable[[], None]) -> None:
    async def story(shop: Shop) -> None:
        payment = (await shop.create()).payment
        charge = only_charge(payment)
        assert (await shop.payment()).status == "pending"
        a_day_later()
        await shop.time_passes(86_461)
        there = await shop.desk.gateway.retrieve_charge(charge)
        late = {**there, "paid": True, "time_paid": there["created"] + 86_400, "transaction_no": "1"}
        await shop.desk.see(of_charge(late, "webhook", 1))
        assert shop.told() == [f"closed:{charge}", f"paid_late:{charge}"]
        assert (await shop.payment()).status == "paid"

    shop(story)
