"""Creates: one charge for one order, whatever becomes of the call."""

import asyncio

import pytest

from payments.books import attempts
from payments.books.payment import Payment
from payments.dead_letters import letters
from payments.due import read_attempts
from payments.keys import CHECKS_NOW
from payments.pingpp.gateway import Gateway, NotNow, Refused
from payments.store import Store
from sandbox.objects import scan
from tests.conftest import messages
from tests.payments.taking.kit import ISV, NAME, ORDER, SCAN, Run, Shop, only_charge


def reversed_ones(payment: Payment) -> list[bool]:
    """Whether the charge of each attempt was reversed, in the order of the attempts."""
    charges = [payment.charge(one.charge or "") for one in payment.attempts]
    return [charge.reversed for charge in charges if charge]


def test_from_the_order_to_the_message(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        created = await shop.create()
        payment = created.payment
        assert created.new
        assert (payment.status, len(payment.attempts)) == ("pending", 1)
        charge_id = only_charge(payment)
        there = (await shop.at_pingpp())[0]
        assert there["id"] == charge_id
        assert there["order_no"] == ORDER
        assert there["metadata"] == {
            "pingpp_ingest_attempt": payment.attempts[0].id,
            "pingpp_ingest_order": ORDER,
        }
        assert payment.charges[0].qr_text == there["credential"]["alipay_qr"]
        assert shop.due() == {"checks": [f":{charge_id}"]}
        await shop.pays(charge_id)
        await shop.time_passes(15)
        payment = await shop.payment()
        assert payment.status == "paid"
        assert payment.charges[0].qr_text is None
        assert shop.told() == [f"paid:{ORDER}"]
        assert shop.due() == {}

    shop(story)


def test_a_hundred_at_once_make_one_charge(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        created = await asyncio.gather(*[shop.create() for _ in range(100)])
        assert len({only_charge(one.payment) for one in created}) == 1
        assert sum(one.new for one in created) == 1
        assert len({one.payment.registration.token for one in created if one.payment.registration}) == 1
        assert len(await shop.at_pingpp()) == 1
        assert not (await shop.create()).new

    shop(story)


def test_another_price_is_another_order(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        assert await shop.refused(shop.create(amount=101)) == "order_conflict"
        assert len(await shop.at_pingpp()) == 1

    shop(story)


@pytest.mark.parametrize("fate", ["lose_answer", "error_after"])
def test_a_lost_answer_is_found_in_the_list_at_once(shop: Run, fate: str) -> None:
    async def story(shop: Shop) -> None:
        await shop.next(fate)
        payment = (await shop.create()).payment
        assert payment.status == "pending"
        assert only_charge(payment) == (await shop.at_pingpp())[0]["id"]
        assert payment.attempts[0].charge == payment.charges[0].id

    shop(story)


def test_a_lost_answer_that_nobody_can_look_for_is_found_by_its_check(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.next("lose_answer")
        await shop.next("lose_request", method="GET", times=5)
        payment = (await shop.create()).payment
        assert payment.status == "creating"
        assert shop.due() == {"checks_now": [f"+{payment.attempts[0].id}:{NAME}"]}
        # while it is not known, nothing is created again
        await shop.customer.delete("/sandbox/next")
        assert await shop.refused(shop.create(channel="upacp_qr")) == "attempt_open"
        await shop.time_passes(1)
        payment = await shop.payment()
        assert (payment.status, len(await shop.at_pingpp())) == ("pending", 1)
        assert shop.due() == {"checks": [f":{only_charge(payment)}"]}

    shop(story)


@pytest.mark.parametrize("fate", ["lose_request", "error"])
def test_a_call_that_made_nothing_fails_when_it_is_surely_over(shop: Run, fate: str) -> None:
    async def story(shop: Shop) -> None:
        await shop.next(fate)
        payment = (await shop.create()).payment
        attempt = payment.attempts[0]
        assert payment.status == "creating"
        await shop.time_passes(2)
        assert (await shop.payment()).status == "creating"
        await shop.time_passes(attempts.OVER_MS / 1000)
        payment = await shop.payment()
        assert payment.status == "failed"
        assert shop.told() == [f"failed:{attempt.id}"]
        assert shop.due() == {}
        # then it can be tried again, under a number of its own
        payment = (await shop.create()).payment
        assert payment.status == "pending"
        assert (await shop.at_pingpp())[0]["order_no"] == payment.attempts[1].order_no != ORDER

    shop(story)


def test_a_process_that_died_before_its_call_leaves_an_attempt_that_fails(
    shop: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def story(shop: Shop) -> None:
        async def dies(*_: object) -> None:
            raise asyncio.CancelledError

        with monkeypatch.context() as patched:
            patched.setattr(Gateway, "create_charge", dies)
            with pytest.raises(asyncio.CancelledError):
                await shop.create()
        assert (await shop.payment()).status == "creating"
        await shop.time_passes(attempts.OVER_MS / 1000)
        assert (await shop.payment()).status == "failed"

    shop(story)


def test_a_refusal_is_told_and_published(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.next(
            "refuse", status=400, error={"type": "invalid_request_error", "code": "no", "message": "no"}
        )
        created = await shop.create()
        assert isinstance(created.problem, Refused)
        assert created.payment.status == "failed"
        failed = messages(shop.client)
        assert [one["type"] for one in failed] == ["pingpp.payment.failed"]
        assert failed[0]["id"] == f"failed:{created.payment.attempts[0].id}"
        assert failed[0]["data"]["failure"]["code"] == "no"
        assert failed[0]["data"]["charge"] is None
        assert failed[0]["data"]["payment"]["failure"]["code"] == "no"
        assert shop.due() == {}

    shop(story)


def test_a_limit_is_not_published_and_the_number_is_used_again(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.next("error", status=429)
        created = await shop.create()
        assert isinstance(created.problem, NotNow)
        assert (created.payment.status, shop.told()) == ("failed", [])
        payment = (await shop.create()).payment
        assert (await shop.at_pingpp())[0]["order_no"] == ORDER
        assert len(payment.attempts) == 1

    shop(story)


def test_another_channel_closes_the_open_charge_first(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        payment = (await shop.create(channel="wx_pub_qr", extra={"product_id": "1"})).payment
        assert reversed_ones(payment) == [True, False]
        # what replaces it was written down before it was reversed, so nothing was closed
        assert shop.told() == []
        assert payment.status == "pending"
        assert payment.to_show
        assert payment.to_show.channel == "wx_pub_qr"

    shop(story)


def test_another_channel_waits_while_the_open_charge_may_be_paid(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        first = only_charge((await shop.create()).payment)
        await shop.next("lose_request", path=f"/v1/charges/{first}/reverse")
        other = {"channel": "upacp_qr"}
        assert await shop.refused(shop.create(**other)) == "attempt_open"
        assert await shop.refused(shop.create(**other)) == "attempt_open"
        assert len(await shop.at_pingpp()) == 1
        await shop.time_passes(attempts.OVER_MS / 1000)  # it was not reversed, that much is known now
        payment = (await shop.create(**other)).payment
        assert reversed_ones(payment) == [True, False]

    shop(story)


def test_a_charge_that_is_paid_while_it_is_closed_for_another_wins(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        first = only_charge((await shop.create()).payment)
        await shop.next("pay_before", path=f"/v1/charges/{first}/reverse")
        assert await shop.refused(shop.create(channel="upacp_qr")) == "not_payable"
        assert (await shop.payment()).status == "paid"
        assert len(await shop.at_pingpp()) == 1
        assert shop.told() == [f"paid:{ORDER}"]

    shop(story)


def test_a_channel_that_cannot_be_closed_is_replaced_at_once_and_both_payments_are_told(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create(channel="upacp_qr")
        payment = (await shop.create()).payment
        assert [charge.open for charge in payment.charges] == [True, True]
        for charge in payment.charges:
            await shop.pays(charge.id)
        await shop.time_passes(15)
        ids = [charge.id for charge in payment.charges]
        assert sorted(shop.told()) in [sorted([f"paid:{ORDER}", f"paid_again:{one}"]) for one in ids]

    shop(story)


def test_at_the_till_it_may_be_paid_at_once(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        payment = (await shop.create(channel="alipay_scan", extra=SCAN)).payment
        assert payment.status == "paid"
        assert shop.told() == [f"paid:{ORDER}"]
        assert shop.due() == {}
        document = shop.client.get(shop.desk.store.keys.payment(NAME))
        assert SCAN["scan_code"].encode() not in document  # type: ignore[operator]

    shop(story)


def test_a_customer_who_types_a_password_is_waited_for(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        code = scan.EXAMPLES[scan.PASSWORD]
        created = await shop.create(channel="alipay_scan", extra={**SCAN, "scan_code": code})
        assert created.problem is None  # Ping++ said 402, which is not the last word
        assert created.payment.status == "pending"
        await shop.pays(only_charge(created.payment))
        await shop.time_passes(5)
        assert shop.told() == [f"paid:{ORDER}"]

    shop(story)


def test_a_refused_code_fails_when_the_list_says_so_too(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        code = scan.EXAMPLES[scan.REFUSED]
        payment = (await shop.create(channel="alipay_scan", extra={**SCAN, "scan_code": code})).payment
        assert payment.status == "creating"
        await shop.time_passes(4)
        payment = await shop.payment()
        assert payment.status == "failed"
        assert payment.attempts[0].failure
        assert payment.attempts[0].failure.code == "channel_response_code_fail"

    shop(story)


def test_a_second_scan_never_makes_them_pay_twice(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        code = scan.EXAMPLES[scan.PASSWORD]
        first = only_charge(
            (await shop.create(channel="isv_scan", extra={**SCAN, "scan_code": code})).payment
        )
        await shop.next("pay_before", path=f"/v1/charges/{first}/reverse")
        payment = (await shop.create(channel="isv_scan", extra=SCAN)).payment
        # the first was paid and given back in one call, the second is the one that counts
        assert reversed_ones(payment) == [True, False]
        assert shop.told() == [f"reversed:{first}", f"paid:{ORDER}"]

    shop(story)


def test_a_lost_answer_at_the_till_is_found(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        code = scan.EXAMPLES[scan.ANSWER_LOST]
        payment = (await shop.create(channel="wx_pub_scan", extra={"scan_code": code})).payment
        assert payment.status == "paid"
        assert shop.told() == [f"paid:{ORDER}"]

    shop(story)


def test_a_wap_charge_is_kept_for_the_client_as_it_came(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        extra = {**ISV, "result_url": "https://shop.example/done"}
        payment = (await shop.create(channel="isv_wap", extra=extra)).payment
        there = await shop.desk.gateway.retrieve_charge(only_charge(payment))
        assert payment.charges[0].for_client == there
        assert payment.charges[0].qr_text is None

    shop(story)


def test_after_the_end_nothing_is_created(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.create()
        await shop.stop(ends=True)
        assert await shop.refused(shop.create()) == "not_payable"
        assert await shop.refused(shop.create(channel="upacp_qr")) == "not_payable"
        assert len(await shop.at_pingpp()) == 1

    shop(story)


def test_what_cannot_be_found_out_for_a_day_waits_for_a_person_who_can_try_again(shop: Run) -> None:
    async def story(shop: Shop) -> None:
        await shop.next("lose_answer")
        await shop.next("lose_request", method="GET", times=20)
        attempt = (await shop.create()).payment.attempts[0]
        member, keys = f"+{attempt.id}:{NAME}", shop.desk.store.keys
        await shop.time_passes(attempts.OVER_MS / 1000)  # still nobody answers
        _, _, error = read_attempts(shop.client.hget(keys.attempts(CHECKS_NOW), member))  # type: ignore[arg-type]
        shop.client.hset(keys.attempts(CHECKS_NOW), member, f"0 1 {error}")  # and it began long ago
        await shop.time_passes(1)
        assert (await shop.payment()).status == "creating"
        (letter,) = letters.newest(Store(shop.client, keys), 10)
        assert (letter.reason, letter.kind, letter.order_no) == ("attempt_unresolved", "attempt", ORDER)
        assert shop.due() == {}
        await shop.customer.delete("/sandbox/next")
        assert letters.retry(Store(shop.client, keys), letter)
        await shop.time_passes(1)
        payment = await shop.payment()
        assert (payment.status, len(payment.charges)) == ("pending", 1)

    shop(story)
