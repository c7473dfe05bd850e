"""Reversals: no goods for money that went back, and no money kept for goods that did not ship."""

import pytest

from payments.books import attempts
from payments.books.attempts import begin_reversal
from payments.books.fold import Folded
from payments.taking.reverse import call_reverse
from sandbox.objects import scan
from tests.conftest import event_body
from tests.payments.taking.kit import NAME, ORDER, SCAN, Run, Shop, only_charge

OVER_S = attempts.OVER_MS / 1000
TYPING = {**SCAN, "scan_code": scan.EXAMPLES[scan.PASSWORD]}


async def webhook(shop: Shop, charge_id: str) -> None:
    """The event that says so comes in, as the charge stands at Ping++."""
    charge = await shop.desk.gateway.retrieve_charge(charge_id)
    member = f"evt_1:{charge_id}"
    shop.client.set(
        shop.desk.store.keys.body(member), event_body({**charge, "reversed": False}, livemode=False, number=1)
    )
    shop.client.zadd(shop.desk.store.keys.due("events"), {member: 1})


def test_close_ends_the_checkout_and_says_so_once(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        payment = await shop.stop(ends=True)
        assert (payment.status, payment.to_show) == ("closed", None)
        assert shop.told() == [f"closed:{charge}"]
        assert (await shop.stop(ends=True)).status == "closed"
        assert shop.told() == [f"closed:{charge}"]
        assert shop.due() == {}

    shop(story)


def test_reverse_allows_another_attempt_and_close_does_not(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        await shop.stop(ends=False)
        assert (await shop.create()).payment.status == "pending"
        await shop.stop(ends=True)
        assert await shop.refused(shop.create()) == "not_payable"

    shop(story)


def test_a_paid_charge_is_kept_or_given_back_as_the_channel_can(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="alipay_scan", extra=SCAN)).payment)
        assert await shop.refused(shop.stop(ends=False)) == "not_reversible"
        assert (await shop.stop(ends=False, if_paid="refund")).status == "refunded"
        assert shop.told() == [f"paid:{ORDER}", f"reversed:{charge}"]

    shop(story)


def test_a_paid_alipay_qr_cannot_be_reversed(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.pays(only_charge((await shop.create()).payment))
        for if_paid in ("keep", "refund"):
            assert await shop.refused(shop.stop(ends=False, if_paid=if_paid)) == "not_reversible"
        # that it was paid was seen on the way
        assert shop.told() == [f"paid:{ORDER}"]

    shop(story)


def test_a_channel_that_cannot_be_closed_is_ended_all_the_same_and_tells_of_late_money(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="upacp_qr")).payment)
        assert await shop.refused(shop.stop(ends=False)) == "not_reversible"
        assert (await shop.stop(ends=True)).status == "pending"
        await shop.pays(charge)
        await shop.time_passes(15)
        assert shop.told() == [f"paid_late:{charge}"]
        assert (await shop.payment()).status == "paid"

    shop(story)


def test_late_money_is_given_back_where_the_merchant_wants_that(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="upacp_qr")).payment)
        await shop.stop(ends=True, if_paid="refund")
        await shop.pays(charge)
        await shop.time_passes(15)
        await shop.time_passes(1)
        payment = await shop.payment()
        assert len(payment.refunds) == 1
        await shop.customer.post(f"/sandbox/refunds/{payment.refunds[0].id}/succeed")
        await shop.time_passes(15)
        assert (await shop.payment()).status == "refunded"
        assert shop.told() == [f"paid_late:{charge}", f"refunded:{payment.refunds[0].id}"]
        assert shop.due() == {}

    shop(story)


@pytest.mark.parametrize("fate", ["lose_answer", "error_after"])
def test_a_reversal_whose_answer_is_lost_is_looked_for(shop: Run, fate: str) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.next(fate, path=f"/v1/charges/{charge}/reverse")
        assert (await shop.stop(ends=True)).status == "closed"
        assert shop.told() == [f"closed:{charge}"]

    shop(story)


def test_while_nobody_knows_whether_it_was_reversed_nothing_is_delivered(shop: Run) -> None:
    """The money went back, its answer and the looks after it are lost, and then the webhook says `paid`."""

    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="alipay_scan", extra=TYPING)).payment)
        reverse = f"/v1/charges/{charge}/reverse"
        await shop.pays(charge)
        await shop.next("lose_answer", path=reverse)
        await shop.next("lose_request", method="GET", path=f"/v1/charges/{charge}", times=6)
        payment = await shop.stop(ends=True, if_paid="refund")
        assert payment.reversing(charge)
        await webhook(shop, charge)
        await shop.next("lose_request", method="GET", path=f"/v1/charges/{charge}", times=3)
        await shop.look()
        assert shop.told() == []
        await shop.time_passes(OVER_S)
        await shop.time_passes(1)
        assert (await shop.payment()).status == "refunded"
        assert shop.told() == [f"reversed:{charge}"]
        assert shop.due() == {}

    shop(story)


def test_a_payment_that_a_lost_reversal_did_not_undo_is_delivered(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="alipay_scan", extra=TYPING)).payment)
        await shop.next("lose_request", path=f"/v1/charges/{charge}/reverse")
        payment = await shop.stop(ends=False)
        assert payment.reversing(charge)
        await shop.pays(charge)
        await webhook(shop, charge)
        await shop.look()
        assert shop.told() == []  # the reversal may still be on its way
        await shop.time_passes(OVER_S)
        await shop.time_passes(1)
        assert shop.told() == [f"paid:{ORDER}"]
        assert (await shop.payment()).status == "paid"
        assert shop.due() == {}

    shop(story)


def test_a_reversal_that_comes_before_the_payment_wins(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="alipay_scan", extra=TYPING)).payment)
        await shop.next(
            "pay_after", path=f"/v1/charges/{charge}/reverse"
        )  # which the gateway refuses by then
        assert (await shop.stop(ends=True)).status == "closed"
        assert shop.told() == [f"closed:{charge}"]

    shop(story)


def test_a_payment_that_comes_before_the_reversal_is_given_back_and_never_called_paid(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="alipay_scan", extra=TYPING)).payment)
        await shop.next("pay_before", path=f"/v1/charges/{charge}/reverse")
        await shop.stop(ends=True)
        await webhook(shop, charge)
        await shop.look()
        assert shop.told() == [f"reversed:{charge}"]

    shop(story)


def test_a_payment_that_beats_the_reversal_of_what_cannot_be_given_back_is_kept(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.next("pay_before", path=f"/v1/charges/{charge}/reverse")
        payment = await shop.stop(ends=True)
        assert payment.status == "paid"
        # it came after the end was asked for
        assert shop.told() == [f"paid_late:{charge}"]
        assert shop.due() == {}

    shop(story)


def test_the_minute_at_the_till(shop: Run) -> None:
    """Looked at every 5 s; after 60 s it is reversed, and looked at once more."""

    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="isv_scan", extra=TYPING)).payment)
        for _ in range(11):
            assert shop.due() == {"checks_now": [f":{charge}"]}
            await shop.time_passes(5)
            assert (await shop.payment()).status == "pending"
        await shop.time_passes(6)
        assert (await shop.payment()).status == "closed"
        assert shop.told() == [f"closed:{charge}"]
        assert shop.due() == {}

    shop(story)


def test_a_refused_reversal_at_the_till_is_tried_again(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge(
            (await shop.create(channel="isv_qr", extra={"pay_channel": "wx", "terminal_id": "1"})).payment
        )
        await shop.next("refuse", path=f"/v1/charges/{charge}/reverse")
        await shop.time_passes(61)
        payment = await shop.payment()
        assert (payment.status, payment.reversals[0].ended) == ("pending", True)
        await shop.time_passes(16)
        assert (await shop.payment()).status == "closed"

    shop(story)


def test_a_limit_leaves_the_charge_to_be_reversed_later(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.next("error", path=f"/v1/charges/{charge}/reverse", status=429)
        payment = await shop.stop(ends=True)
        assert payment.status == "pending"
        assert not payment.reversing(charge)
        await shop.time_passes(20)
        assert (await shop.payment()).status == "closed"

    shop(story)


def test_what_an_attempt_makes_after_the_end_is_reversed(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.next("lose_answer")
        await shop.next("lose_request", method="GET", times=5)
        assert (await shop.create()).payment.status == "creating"
        await shop.stop(ends=True)
        await shop.customer.delete("/sandbox/next")
        await shop.time_passes(OVER_S)
        await shop.time_passes(1)
        payment = await shop.payment()
        assert payment.status == "closed"
        assert shop.told() == [f"closed:{only_charge(payment)}"]

    shop(story)


def test_charges_that_were_not_made_here_are_not_reversed(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        assert await shop.refused(shop.stop(ends=True)) == "not_found"
        made = {"order_no": ORDER, "app": {"id": NAME.partition(":")[0]}, "amount": 100, "currency": "cny"}
        there = await shop.desk.gateway.create_charge(
            {**made, "channel": "alipay_qr", "subject": "x", "body": "x", "client_ip": "127.0.0.1"}
        )
        await shop.desk.see(await shop.desk.retrieve(there["id"]))
        assert await shop.refused(shop.stop(ends=True)) == "not_reversible"

    shop(story)


def test_late_money_that_cannot_be_given_back_yet_is_tried_again_later_and_not_at_once(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create(channel="upacp_qr")).payment)
        await shop.stop(ends=True, if_paid="refund")
        await shop.pays(charge)
        await shop.next("error", path=f"/v1/charges/{charge}/refunds", status=429, times=1)
        await shop.time_passes(15)
        await shop.look()
        payment = await shop.payment()
        assert [one.not_reached for one in payment.refund_attempts] == [True]
        assert shop.due() == {"checks": [f":{charge}"]}
        assert not payment.refunds
        await shop.time_passes(61)
        assert len((await shop.payment()).refunds) == 1

    shop(story)


def test_all_that_comes_after_the_end_is_given_back(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create(channel="upacp_qr")
        payment = (await shop.create(channel="ccb_qr")).payment
        await shop.stop(ends=True, if_paid="refund")
        for charge in payment.charges:
            await shop.pays(charge.id)
        for _ in range(4):
            await shop.time_passes(61)
        payment = await shop.payment()
        assert sorted(one.charge for one in payment.refunds) == sorted(one.id for one in payment.charges)

    shop(story)


def test_a_reversal_that_is_too_late_to_begin_is_not_made(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        charge = only_charge((await shop.create()).payment)
        await shop.desk.change(
            NAME, lambda one, now_ms: Folded(begin_reversal(one, one.charges[0], now_ms - 6_000))
        )
        payment = await call_reverse(shop.desk, NAME, charge)
        assert payment.reversals[0].ended
        assert not (await shop.at_pingpp())[0]["reversed"]

    shop(story)
