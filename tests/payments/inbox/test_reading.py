"""What is to be done with an event before any books are opened."""

from typing import Any

import pytest

from payments.inbox.reading import others, read
from payments.members import variant
from payments.pingpp.event import decode, identify
from tests.conftest import charge_object, event_body, refund_object, unpaid

AT, APP = 1_700_000_061_000, "app_1Gqj58ynP0mHeX1q"


def reading(body: bytes, *, member: str = "", livemode: bool = True, apps: set[str] | None = None) -> Any:
    return read(member or identify(body), body, AT, livemode=livemode, apps=apps or set())


def test_an_event_of_ours_is_a_sighting_to_be_folded() -> None:
    found = reading(event_body(charge_object()), apps={APP})
    assert (found.dead, found.aside, found.odd) == ("", "", "")
    assert (found.sighting.charge_id, found.sighting.at_ms) == (charge_object()["id"], AT)
    assert found.about == {
        "event_id": f"evt_{1:024d}",
        "event_type": "charge.succeeded",
        "charge_id": f"ch_{1:024d}",
        "order_no": "order00000001",
        "app": APP,
    }


def test_what_cannot_be_read_is_dead_and_about_nothing() -> None:
    found = reading(b"{")
    assert (found.dead, found.event, found.about) == ("not_json", None, {})
    assert found.error


def test_other_events_are_passed_through() -> None:
    body = event_body({"id": "sum_1", "app": APP}, "summary.daily.available", 1)
    found = reading(body)
    assert (found.dead, found.aside, found.odd, found.sighting) == ("", "", "", None)
    assert found.about == {"event_id": f"evt_{1:024d}", "event_type": "summary.daily.available"}
    # but not twice with different bodies, and Ping++ cannot be asked about them
    assert reading(body, member=variant(identify(body), "abcd")).dead == "same_event_other_body"


def test_one_that_names_no_charge_is_dead() -> None:
    found = reading(event_body(refund_object(charge=1) | {"charge": None}, "refund.succeeded"))
    assert (found.dead, found.error) == ("no_charge", "a refund.succeeded without the id of a charge")


OTHERS: list[tuple[dict[str, Any], dict[str, Any], str]] = [
    ({}, {}, ""),
    ({"app": "app_2"}, {}, "other_app"),
    ({"app": {"id": "app_2"}}, {}, "other_app"),
    ({"app": None}, {}, ""),
    ({"livemode": False}, {"livemode": False}, "other_mode"),
    ({"livemode": False}, {}, ""),  # they disagree: that is odd, and not another's
    ({}, {"livemode": False}, ""),
    ({"livemode": None}, {"livemode": None}, ""),
]


@pytest.mark.parametrize(("thing", "event", "why"), OTHERS)
def test_what_is_anothers_is_kept_aside(thing: dict[str, Any], event: dict[str, Any], why: str) -> None:
    body = event_body(charge_object(**thing), **event)
    assert others(decode(body), livemode=True, apps={APP}) == why
    assert reading(body, apps={APP}).aside == why


def test_where_no_app_is_named_any_is_ours() -> None:
    assert reading(event_body(charge_object(app="app_2"))).aside == ""


PENDING = refund_object(status="pending", succeed=False)
ODD: list[tuple[bytes, str]] = [
    (event_body(charge_object(livemode=False)), "livemode_conflict"),
    (event_body(charge_object(), livemode=False), "livemode_conflict"),
    (event_body(charge_object(), livemode=None), "livemode_conflict"),
    (event_body(unpaid()), "not_what_its_type_says"),
    (event_body(unpaid(), "charge.failed"), ""),
    (event_body(PENDING, "refund.succeeded"), "not_what_its_type_says"),
    (event_body(PENDING, "refund.failed"), "not_what_its_type_says"),
    (event_body(refund_object(status="failed"), "refund.failed"), ""),
    (event_body(refund_object(), "refund.succeeded"), ""),
    (event_body(charge_object(amount=0)), "malformed"),
]


@pytest.mark.parametrize(("body", "odd"), ODD)
def test_what_is_odd_is_asked_about(body: bytes, odd: str) -> None:
    found = reading(body)
    assert (found.odd, found.dead, found.aside) == (odd, "", "")


def test_the_same_event_with_another_body_is_odd() -> None:
    body = event_body(charge_object())
    assert reading(body, member=variant(identify(body), "abcd")).odd == "same_event_other_body"
