"""The grammar of due-set members: it stands in Redis, so it is the same for ever."""

import pytest

from payments import members

CHARGE, ATTEMPT, PAYMENT = "ch_1", "at_1", "app_1:order:1"


@pytest.mark.parametrize(
    ("member", "kind"),
    [
        ("evt_1:ch_1", "event"),
        ("evt_1:", "event"),
        ("evt_1:ch_1~0123456789abcdef", "event"),
        ("~0123456789abcdef0123456789abcdef", "webhook"),
        (":ch_1", "charge"),
        ("+at_1:app_1:order:1", "attempt"),
        ("discover:app_1", "sweep"),
        ("reconcile:app_1", "sweep"),
        ("run:20260101T000000-abc", "sweep"),
        ("", "event"),
    ],
)
def test_what_a_member_stands_for(member: str, kind: str) -> None:
    assert members.kind_of(member) == kind


def test_what_waits_is_named_so_and_read_back() -> None:
    assert members.member_of("r1") == "run:r1"
    assert members.member_of_charge(CHARGE) == ":ch_1"
    assert members.member_of_attempt(ATTEMPT, PAYMENT) == "+at_1:app_1:order:1"
    assert members.read_member(":ch_1") == (CHARGE, "", "")
    assert members.read_member("+at_1:app_1:order:1") == ("", ATTEMPT, PAYMENT)


def test_a_body_without_ids_is_known_by_its_bytes() -> None:
    one, other = members.unidentified(b"one"), members.unidentified(b"other")
    assert (one[0], len(one)) == ("~", 33)
    assert one == members.unidentified(b"one") != other


def test_the_same_event_with_another_body_is_a_variant() -> None:
    assert members.variant("evt_1:ch_1", "abcd") == "evt_1:ch_1~abcd"
    assert members.is_variant("evt_1:ch_1~abcd")
    assert not members.is_variant("evt_1:ch_1")
    assert not members.is_variant(members.unidentified(b"one"))


def test_a_sweep_says_of_what_it_is() -> None:
    assert members.member_of_sweep("discover", "app_1") == "discover:app_1"
    assert members.read_sweep("reconcile:app_1") == ("reconcile", "app_1")
    assert members.read_sweep(members.member_of("r1")) == ("run", "r1")


def test_an_event_says_its_id_where_it_has_one() -> None:
    assert members.event_of("evt_1:ch_1") == members.event_of("evt_1:") == "evt_1"
    assert members.event_of(members.unidentified(b"one")) == ""
