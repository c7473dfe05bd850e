"""Each refusal of the merchant API: a problem document (RFC 9457) with a code word, which also stands in the log."""

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any

import msgspec
from redis.exceptions import RedisError
from starlette.responses import Response

from payments.books.attempts import NotPossible
from payments.books.document import NewerSchema
from payments.books.ledger import Busy
from payments.books.payment import Failure
from payments.channels.rules import Wrong
from payments.pingpp.gateway import NotNow, Refused

MEDIA_TYPE = "application/problem+json"
# An answer names so many errors at most, the first ones.
MOST_ERRORS = 100
# Values of Retry-After.
_SOON_S, _LATER_S = 3, 5

# code → status, title
CODES: dict[str, tuple[int, str]] = {
    "invalid": (422, "The request is not valid"),
    "unauthorized": (401, "There is no token, or it is not right"),
    "not_found": (404, "There is no such thing"),
    "method_not_allowed": (405, "This cannot be done here"),
    "body_timeout": (408, "The body was not there in time"),
    "body_too_large": (413, "The body is too large"),
    "wrong_content_type": (415, "The content type is not JSON"),
    "order_conflict": (409, "The order number stands for another price"),
    "attempt_open": (409, "The last attempt has not ended yet"),
    "not_payable": (409, "The payment cannot be paid any more"),
    "not_reversible": (409, "The payment cannot be reversed"),
    "not_refundable": (409, "The payment cannot be refunded"),
    "refund_exceeds": (409, "Less is left to refund"),
    "gateway_refused": (422, "Ping++ refused"),
    "rate_limited": (429, "Ping++ takes no more calls at the moment"),
    "unavailable": (503, "Not possible at the moment; try again"),
    "internal_error": (500, "Something broke here"),
}


class Problem(Exception):
    """A refusal of a request. `more` are further members of the problem document."""

    def __init__(
        self,
        code: str,
        detail: str,
        *,
        status: int | None = None,
        headers: Mapping[str, str] | None = None,
        **more: Any,
    ) -> None:
        super().__init__(detail)
        self.code, self.detail, self.more = code, detail, more
        self.status = status or CODES[code][0]
        self.headers = dict(headers or {})

    def response(self) -> Response:
        document = {
            "type": f"urn:pingpp-ingest:problem:{self.code}",
            "title": CODES[self.code][1],
            "status": self.status,
            "detail": self.detail,
            "code": self.code,
            **self.more,
        }
        return Response(msgspec.json.encode(document), self.status, self.headers, MEDIA_TYPE)


def invalid(wrong: Iterable[Wrong], *, status: int = 422) -> Problem:
    """The problem for wrong fields: each with the rule that it breaks."""
    found = list(wrong)
    names = ", ".join(dict.fromkeys(one.field for one in found[:5]))
    errors = [
        {name: value for name, value in asdict(one).items() if value is not None}
        for one in found[:MOST_ERRORS]
    ]
    return Problem("invalid", f"Not right: {names}.", status=status, errors=errors)


def refused(failure: Failure) -> Problem:
    """The problem for a failed attempt: Ping++ refused it, for this request or an earlier equal one."""
    error = {"code": failure.code, "message": failure.message}
    return Problem("gateway_refused", failure.message, error=error)


def unavailable(detail: str) -> Problem:
    """The problem for a call that may work later."""
    return Problem("unavailable", detail, headers={"Retry-After": str(_LATER_S)})


def of(error: Exception) -> Problem:
    """The problem that tells the caller of an error. An unexpected error is told without details."""
    match error:
        case Problem():
            return error
        case NotPossible(code="charge_needed"):
            return invalid([Wrong("charge", error.message)])
        case NotPossible(code="key_reused"):
            return invalid([Wrong("Idempotency-Key", error.message)])
        case NotPossible(code="attempt_open"):
            headers = {"Retry-After": str(_SOON_S)}
            return Problem(error.code, error.message, headers=headers, **error.more)
        case NotPossible():
            return Problem(error.code, error.message, **error.more)
        case NotNow(status=403 | 429):  # Ping++ docs: 403 is the limit of the plan
            return Problem("rate_limited", str(error), headers={"Retry-After": str(_LATER_S)})
        case NotNow():
            return unavailable(str(error))
        case Refused():
            said = {name: error.error[name] for name in _ERROR_OBJECT if error.error.get(name) is not None}
            return Problem("gateway_refused", str(error), error=said)
        case Busy() | NewerSchema():
            return unavailable(f"Not possible at the moment: {error}.")
        case RedisError():
            return unavailable("The books cannot be reached at the moment.")
        case _:
            return Problem("internal_error", "It was logged. Ask for the payment before you try again.")


_ERROR_OBJECT = ("type", "code", "param", "message")  # Ping++ docs: errors
