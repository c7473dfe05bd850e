"""What one look states, out of objects of open shape; and what is too odd to be looked at."""

from typing import Any

import pytest

from payments.pingpp.event import decode
from payments.pingpp.sighting import (
    ChargeLook,
    Malformed,
    charge_named_by,
    concerns_ledger,
    of_charge,
    of_event,
    of_refund,
    order_named_by,
    order_of,
)
from tests.conftest import charge_object, event_body, refund_object, refunds_of, unpaid

AT, APP = 1_700_000_061_000, "app_1Gqj58ynP0mHeX1q"


def look(**changes: Any) -> ChargeLook:
    found = of_charge(charge_object(**changes), "webhook", AT).charge
    assert found is not None
    return found


def test_a_look_at_a_charge_has_its_facts_and_the_refunds_that_it_lists() -> None:
    charge = charge_object(refunds=refunds_of(refund_object(), has_more=True))
    seen = of_charge(charge, "retrieve", AT)
    assert (seen.source, seen.at_ms, seen.charge_id, seen.app) == ("retrieve", AT, charge["id"], APP)
    assert seen.object is charge
    assert [one.id for one in seen.refunds] == [refund_object()["id"]]
    assert seen.more_refunds
    assert seen.charge
    assert (seen.charge.paid, seen.charge.amount, seen.charge.time_paid) == (True, 100, 1_700_000_060)


def test_a_look_at_a_refund_alone_says_nothing_of_its_charge() -> None:
    seen = of_refund(refund_object(), "webhook", AT)
    assert (seen.charge, seen.charge_id, seen.app) == (None, charge_object()["id"], None)
    assert of_refund(refund_object(app={"id": APP}), "webhook", AT).app == APP
    assert of_refund(refund_object(app=APP), "webhook", AT).app == APP


@pytest.mark.parametrize(
    "odd", [{"refunds": None}, {"extra": []}, {"metadata": []}, {"reversed": None}, {"amount_refunded": None}]
)
def test_older_and_sloppier_objects_are_read(odd: dict[str, Any]) -> None:
    assert look(**odd).paid
    without = {name: value for name, value in unpaid().items() if name not in odd}
    assert of_charge(without, "list", AT).refunds == ()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"id": "a:b"}, "id"),
        ({"id": "x" * 64}, "id"),
        ({"id": "ch_1\n"}, "id"),
        ({"app": "a:b"}, "app"),
        ({"app": None}, "app"),
        ({"order_no": ""}, "order_no"),
        ({"order_no": "x" * 257}, "order_no"),
        ({"amount": 0}, "amount"),
        ({"amount": "100"}, "amount"),
        ({"amount": 2**53}, "amount"),
        ({"paid": None}, "paid"),
        ({"livemode": 1}, "livemode"),
        ({"created": None}, "created"),
        ({"time_paid": 2**53}, "time_paid"),
        ({"refunds": refunds_of(refund_object(charge=2))}, "refunds"),
        ({"refunds": refunds_of(refund_object(amount=0))}, "amount"),
    ],
)
def test_what_is_not_shaped_like_a_charge_names_the_field(wrong: dict[str, Any], field: str) -> None:
    with pytest.raises(Malformed, match=field):
        of_charge(charge_object(**wrong), "webhook", AT)


def test_a_malformed_refund_too_and_no_value_is_shown() -> None:
    with pytest.raises(Malformed, match="amount") as error:
        of_refund(refund_object(amount="secret"), "webhook", AT)
    assert "secret" not in str(error.value)


@pytest.mark.parametrize(
    ("changes", "succeeded", "failed"),
    [
        ({}, True, False),
        ({"status": "pending"}, False, False),
        ({"status": "failed"}, False, True),
        ({"status": None, "succeed": True}, True, False),
        ({"status": None, "succeed": False}, False, False),
        ({"status": "new word"}, False, False),
    ],
)
def test_how_a_refund_ended(changes: dict[str, Any], succeeded: bool, failed: bool) -> None:
    (refund,) = of_refund(refund_object(**changes), "webhook", AT).refunds
    assert (refund.succeeded, refund.failed) == (succeeded, failed)


@pytest.mark.parametrize(
    ("metadata", "attempt"),
    [({"pingpp_ingest_attempt": "at_1"}, "at_1"), ({"pingpp_ingest_attempt": ""}, None),
     ({"pingpp_ingest_attempt": 7}, None), ({}, None), ([], None), (None, None)],
)  # fmt: skip
def test_an_attempt_of_ours_travels_in_the_metadata(metadata: Any, attempt: str | None) -> None:
    assert look(metadata=metadata).attempt == attempt
    assert of_refund(refund_object(metadata=metadata), "webhook", AT).refunds[0].attempt == attempt


@pytest.mark.parametrize(
    ("metadata", "order_key", "order"),
    [
        ({}, "order_no", "order00000001"),
        ([], "order_no", "order00000001"),
        ({"pingpp_ingest_order": "ours", "shop": "theirs"}, "metadata.shop", "ours"),
        ({"shop": "theirs"}, "metadata.shop", "theirs"),
        ({"shop": "theirs"}, "order_no", "order00000001"),
        ({"shop": ""}, "metadata.shop", "order00000001"),
        ({"shop": 7}, "metadata.shop", "order00000001"),
        ({"pingpp_ingest_order": 7}, "order_no", "order00000001"),
    ],
)
def test_which_payment_a_charge_belongs_to(metadata: Any, order_key: str, order: str) -> None:
    assert order_of(look(metadata=metadata), order_key) == order


def test_charges_and_refunds_go_to_the_ledger_and_all_else_is_passed_through() -> None:
    kinds = ("charge.succeeded", "refund.failed", "charge.new", "summary.daily.available", "charges.x")
    events = [decode(event_body(charge_object(), kind)) for kind in kinds]
    assert [concerns_ledger(one) for one in events] == [True, True, True, False, False]


def test_an_event_is_a_sighting_of_its_object() -> None:
    paid = of_event(decode(event_body(charge_object())), AT)
    assert (paid.source, paid.at_ms, paid.charge_id) == ("webhook", AT, charge_object()["id"])
    back = of_event(decode(event_body(refund_object(), "refund.succeeded")), AT)
    assert (back.charge, back.refunds[0].id) == (None, refund_object()["id"])


@pytest.mark.parametrize(
    ("kind", "thing", "charge", "order"),
    [
        ("charge.succeeded", {"id": "ch_1", "order_no": "o1"}, "ch_1", "o1"),
        ("refund.succeeded", {"id": "re_1", "charge": "ch_1", "order_no": "r1", "charge_order_no": "o1"}, "ch_1", "o1"),
        ("charge.succeeded", {"id": 7, "order_no": 7}, None, None),
        ("refund.succeeded", {"id": "re_1", "charge": "", "charge_order_no": ""}, None, None),
        ("charge.succeeded", {}, None, None),
    ],
)  # fmt: skip
def test_however_malformed_it_names_its_charge_and_order(
    kind: str, thing: dict[str, Any], charge: str | None, order: str | None
) -> None:
    event = decode(event_body(thing, kind, number=1))
    assert (charge_named_by(event), order_named_by(event)) == (charge, order)
