"""The two ways in which the sandbox says no."""

import json

import pytest

from sandbox.refusals import Problem, as_response, invalid, not_found, not_possible, read_object


def test_the_gateway_says_no_as_pingpp_does() -> None:
    answer = as_response(invalid("amount", "amount must be an integer above 0"))
    assert (answer.status_code, answer.media_type) == (400, "application/json")
    error = json.loads(bytes(answer.body))["error"]
    assert (error["type"], error["param"]) == ("invalid_request_error", "amount")
    assert error["message"] == "amount must be an integer above 0"
    assert not_found("charge", "ch_1").status == 404
    refused = not_possible("charge_unexpected_status", "it is paid")
    assert (refused.status, refused.error["code"]) == (402, "charge_unexpected_status")


def test_control_says_no_as_a_problem() -> None:
    answer = as_response(Problem(409, "already_paid", "It was."))
    assert (answer.status_code, answer.media_type) == (409, "application/problem+json")
    assert json.loads(bytes(answer.body)) == {
        "type": "about:blank",
        "title": "already paid",
        "status": 409,
        "code": "already_paid",
        "detail": "It was.",
    }


@pytest.mark.parametrize(
    ("body", "read"),
    [
        (b"", {}),
        (b" \n", {}),
        (b'{"a":1}', {"a": 1}),
        (b"[]", None),
        (b"{", None),
        (b'{"a":"\xff"}', None),
        (b"[" * 100_000, None),
    ],
)
def test_a_body_is_an_object_or_nothing(body: bytes, read: object) -> None:
    assert read_object(body) == read
