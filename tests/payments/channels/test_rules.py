"""The rules that a request is held against: their bounds, and what a problem says of a value without showing it."""

from typing import Any

import pytest

from payments.channels.rules import (
    LARGEST,
    METADATA_LONGEST,
    METADATA_PAIRS,
    Address,
    Field,
    Objects,
    OneOf,
    Rule,
    Text,
    Whole,
    Wrong,
    as_json,
    extra_problems,
    metadata_problems,
    size,
)

NAMED = Objects(1, (Field("name", Text(1, 3), required=True),), 40)
RIGHT: list[tuple[Rule, Any]] = [
    (Text(1, 3), "abc"),
    (Text(0), ""),
    (Text(1, 3, of="bytes"), "茶"),
    (Text(pattern="[a-z]+"), "abc"),
    (Text(), "a\nb"),
    (Whole(1, 9), 9),
    (Whole(digits_too=True), "0123"),
    (Whole(), LARGEST),
    (OneOf(("a", "b")), "b"),
    (Address(), "127.0.0.1"),
    (Address(), "2001:db8::1"),
    (Objects(), []),
    (NAMED, [{"name": "abc", "n": [1]}, {"name": "d"}]),
]
WRONG: list[tuple[Rule, Any, int | None]] = [
    (Text(1, 3), "", 0),
    (Text(1, 3), "abcd", 4),
    (Text(1, 3), 7, None),
    (Text(1, 3), ["a"], 1),
    (Text(1, 3, of="bytes"), "茶茶", 6),
    (Text(pattern="[a-z]+"), "A", 1),
    (Text(), "\ud800", 1),
    (Whole(1, 9), 10, None),
    (Whole(1, 9), 0, None),
    (Whole(1, 9), True, None),
    (Whole(1, 9), "1", 1),
    (Whole(digits_too=True), "1" * 17, 17),
    (Whole(digits_too=True), "-1", 2),
    (OneOf(("a", "b")), "c", 1),
    (OneOf(("a", "b")), 7, None),
    (Address(), "localhost", 9),
    (Address(), 2_130_706_433, None),
    (Address(), "fe80::1%eth0", 12),
    (NAMED, [], 0),
    (NAMED, {"name": "abc"}, 1),
]


@pytest.mark.parametrize(("rule", "value"), RIGHT)
def test_what_keeps_to_its_rule_has_no_problem(rule: Rule, value: Any) -> None:
    assert list(rule.problems("it", value)) == []


@pytest.mark.parametrize(("rule", "value", "length"), WRONG)
def test_what_does_not_is_told_with_the_rule_and_its_length(
    rule: Rule, value: Any, length: int | None
) -> None:
    said = "valid Unicode" if value == "\ud800" else rule.words
    assert list(rule.problems("it", value)) == [Wrong("it", said, length)]


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (Text(), "a string that is not empty"),
        (Text(0), "a string"),
        (Text(1, 32), "a string of 1 to 32 characters"),
        (Text(1, 32, of="bytes"), "a string of 1 to 32 bytes"),
        (Text(said="a colour"), "a colour"),
        (Text(1, 9, said="a colour"), "a colour"),
        (Whole(1, 9), "an integer from 1 to 9"),
        (Whole(1, 9, digits_too=True), "an integer from 1 to 9, or its digits as a string"),
        (Whole(1, digits_too=True), "an integer of 1 or more, or its digits as a string"),
        (OneOf(("no_credit",)), "no_credit"),
        (OneOf(("a", "b")), "one of a, b"),
        (Objects(), "a list of objects"),
        (
            NAMED,
            "a list of 1 or more objects, name: a string of 1 to 3 characters, as JSON at most 40 characters",
        ),
    ],
)
def test_a_rule_says_in_english_what_a_value_must_be(rule: Rule, words: str) -> None:
    assert rule.words == words


def test_each_member_of_a_list_is_told_by_its_place() -> None:
    wrong = [{"name": "abcd"}, "x", {}, {"name": None, "n": "x" * 40}]
    assert [(one.field, one.length) for one in NAMED.problems("goods", wrong)] == [
        ("goods", 85),
        ("goods[0].name", 4),
        ("goods[1]", 1),
        ("goods[2].name", None),
        ("goods[3].name", None),
    ]
    # what is no JSON is told once, of the whole `extra`
    assert list(Objects(0, (), 1).problems("goods", [{"a": float("nan")}])) == []


def test_null_is_the_same_as_left_out() -> None:
    field = Field("name", Text(1, 3))
    for whole in ({}, {"name": None}):
        assert list(field.problems("", whole)) == []
        required = Field("name", Text(1, 3), required=True)
        assert list(required.problems("extra.", whole)) == [
            Wrong("extra.name", "required: a string of 1 to 3 characters")
        ]


@pytest.mark.parametrize("extra", [[], "x", 7, {"a": float("inf")}, {"a": "\ud800"}])
def test_an_extra_that_is_no_object_is_told_alone(extra: Any) -> None:
    fields = (Field("name", Text(), required=True),)
    assert [one.rule for one in extra_problems(fields, extra)] == ["an object, valid as JSON"]
    assert [one.field for one in extra_problems(fields, None)] == ["extra.name"]
    assert list(extra_problems(fields, {"name": "a", "other": 1})) == []


@pytest.mark.parametrize(
    ("metadata", "rules"),
    [
        (None, []),
        ({}, []),
        ({str(n): "x" for n in range(METADATA_PAIRS)}, []),
        ({"a": "x" * (METADATA_LONGEST - 8)}, []),
        ({"a": "x" * (METADATA_LONGEST - 7)}, ["as JSON at most 840 characters"]),
        ({str(n): "x" for n in range(METADATA_PAIRS + 1)}, ["at most 18 pairs"]),
        ({"pingpp_ingest_order": "x"}, ["no key that begins with pingpp_ingest_"]),
        ([], ["an object, valid as JSON"]),
        ({"a": float("nan")}, ["an object, valid as JSON"]),
    ],
)
def test_metadata_leaves_room_for_two_pairs_of_ours(metadata: Any, rules: list[str]) -> None:
    assert [one.rule for one in metadata_problems(metadata)] == rules


def test_json_is_what_can_be_sent() -> None:
    assert as_json({"茶": [1, None]}) == '{"茶":[1,null]}'
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    for wrong in (float("nan"), float("inf"), "\ud800", {1}, deep):
        assert as_json(wrong) is None
    assert [size(one) for one in ("ab", [1], {"a": 1}, 7, None)] == [2, 1, 1, None, None]
