"""A dead letter shows facts, and nothing of the buyer."""

from payments.dead_letters.evidence import evidence, facts_of
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
