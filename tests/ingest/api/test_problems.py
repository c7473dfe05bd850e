"""Which problem an error is for whoever asked. (Each problem whole: tests/samples/problems/.)"""

import json
from typing import Any

import pytest
from redis.exceptions import ConnectionError as RedisConnectionError

from ingest.api import problems
from ingest.api.problems import CODES, MOST_ERRORS, Problem, invalid, refused, unavailable
from payments.books import attempts
from payments.books.document import NewerSchema
from payments.books.ledger import Busy
from payments.books.payment import Failure
from payments.channels.rules import Wrong
from payments.pingpp.gateway import NotNow, Refused

NOT_POSSIBLE: Any = attempts.NotPossible  # what the merchant asks for cannot be done as things stand
ERRORS: list[tuple[Exception, str, int]] = [
    (Problem("not_found", "Nothing."), "not_found", 404),
    (NOT_POSSIBLE("order_conflict", "Another price."), "order_conflict", 409),
    (NOT_POSSIBLE("attempt_open", "Not yet."), "attempt_open", 409),
    (NOT_POSSIBLE("charge_needed", "Name one."), "invalid", 422),
    (NOT_POSSIBLE("key_reused", "Another body."), "invalid", 422),
    (Busy(), "unavailable", 503),
    (NewerSchema("later"), "unavailable", 503),
    (RedisConnectionError("secret"), "unavailable", 503),
    (KeyError("secret"), "internal_error", 500),
]


@pytest.mark.parametrize(("error", "code", "status"), ERRORS)
def test_each_error_is_a_problem_with_a_code_and_its_status(error: Exception, code: str, status: int) -> None:
    found = problems.of(error)
    assert (found.code, found.status) == (code, status)
    answer = found.response()
    assert (answer.status_code, answer.media_type) == (status, "application/problem+json")
    document = json.loads(bytes(answer.body))
    assert document["type"] == f"urn:pingpp-ingest:problem:{code}"
    assert (document["status"], document["code"], document["title"]) == (status, code, CODES[code][1])
    assert "secret" not in str(document)


def test_what_is_wrong_is_told_by_its_field() -> None:
    assert problems.of(NOT_POSSIBLE("charge_needed", "Name one.")).more == {
        "errors": [{"field": "charge", "rule": "Name one."}]
    }
    assert problems.of(NOT_POSSIBLE("key_reused", "x")).more["errors"][0]["field"] == "Idempotency-Key"
    many = invalid(Wrong(f"f{n}", "a rule", n or None) for n in range(MOST_ERRORS + 50))
    assert many.detail == "Not right: f0, f1, f2, f3, f4."
    assert many.more["errors"][:2] == [
        {"field": "f0", "rule": "a rule"},
        {"field": "f1", "rule": "a rule", "length": 1},
    ]
    assert len(many.more["errors"]) == MOST_ERRORS
    assert (many.status, invalid([], status=400).status) == (422, 400)


def test_what_may_be_possible_later_says_when_to_ask_again() -> None:
    assert problems.of(NOT_POSSIBLE("attempt_open", "x", retry_at="soon")).headers == {"Retry-After": "3"}
    assert problems.of(NOT_POSSIBLE("attempt_open", "x", retry_at="soon")).more == {"retry_at": "soon"}
    assert unavailable("x").headers == {"Retry-After": "5"}


@pytest.mark.parametrize(
    ("status", "code"), [(403, "rate_limited"), (429, "rate_limited"), (None, "unavailable")]
)
def test_a_limit_of_pingpp_is_told_as_one(status: int | None, code: str) -> None:
    found = problems.of(NotNow("not now", status))
    assert (found.code, found.headers) == (code, {"Retry-After": "5"})


def test_what_pingpp_refuses_is_told_in_its_own_words_and_no_more() -> None:
    said = {"type": "invalid_request_error", "code": "x", "param": None, "message": "no", "secret": "s"}
    found = problems.of(Refused("no", 402, said))
    assert (found.code, found.status) == ("gateway_refused", 422)
    assert found.more == {"error": {"type": "invalid_request_error", "code": "x", "message": "no"}}
    earlier = refused(Failure("x", "no"))
    assert (earlier.code, earlier.more) == ("gateway_refused", {"error": {"code": "x", "message": "no"}})
