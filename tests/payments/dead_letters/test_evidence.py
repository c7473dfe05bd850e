"""A dead letter shows facts, and nothing of the buyer."""

from payments.books.join import Odd
from payments.books.payment import Payment, Registration
from payments.dead_letters.evidence import both_sides, evidence, facts_of
from payments.pingpp.sighting import of_charge, of_refund
from tests.conftest import charge_object, refund_object, refunds_of

FACTS = {
    "order_no": "order00000001",
    "amount": 100,
    "currency": "cny",
    "channel": "alipay_qr",
    "livemode": True,
    "paid": True,
    "time_paid": 1_700_000_060,
    "transaction_no": f"20160323{1:012d}",
    "reversed": False,
    "amount_refunded": 0,
}


def test_what_a_charge_claims() -> None:
    charge = charge_object(credential={"alipay_qr": "secret"}, refunds=refunds_of(refund_object()))
    said = evidence(of_charge(charge, "webhook", 1))
    assert said == {
        "charge": charge["id"],
        "app": "app_1Gqj58ynP0mHeX1q",
        **FACTS,
        "refunds": [{"id": refund_object()["id"], "amount": 40, "status": "succeeded"}],
    }
    assert "refunds" not in evidence(of_charge(charge_object(), "webhook", 1))


def test_what_a_refund_alone_claims() -> None:
    said = evidence(of_refund(refund_object(), "webhook", 1))
    assert said == {
        "charge": charge_object()["id"],
        "app": None,
        "refunds": [{"id": refund_object()["id"], "amount": 40, "status": "succeeded"}],
    }


def test_there_are_no_facts_of_nothing() -> None:
    assert facts_of(None) == {}


def test_both_sides_stand_beside_what_the_merchant_registered() -> None:
    seen = of_charge(charge_object(amount=999), "retrieve", 1)
    held = Payment(1, "app_1", "o1")
    unknown = both_sides(Odd("identity_conflict", held, seen))
    assert unknown == {
        "found": {"charge": charge_object()["id"], "app": "app_1Gqj58ynP0mHeX1q", **FACTS, "amount": 999},
        "held": {"charge": charge_object()["id"], "payment": "app_1:o1"},
    }
    registered = Payment(
        1, "app_1", "o1", registration=Registration(100, "cny", livemode=True, token="secret")
    )
    sides = both_sides(Odd("not_as_registered", registered, seen))
    assert sides["registered"] == {"amount": 100, "currency": "cny"}
