"""Reads what the merchant's server sends: JSON strictly, headers and queries with their rules. Raises Problem."""

import asyncio
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request

from ingest.api.problems import Problem, invalid
from payments.channels.rules import (
    LARGEST,
    Field,
    OneOf,
    Rule,
    Text,
    Whole,
    extra_problems,
    metadata_problems,
    size,
)
from payments.channels.rules import Problem as Wrong

BODY_LIMIT = 1024 * 1024  # bytes
BODY_S = 10  # in which a body has to be there
DEEPEST = 32  # objects and lists in one another
MOST_WAIT_S = 60  # of `Prefer: wait`

URL = Text(
    1,
    2048,
    r"https?://[A-Za-z0-9\[][!-~]*",
    said="a URL that begins with http:// or https://, of at most 2048 visible ASCII characters",
)
KEY = Text(1, 255, r"[!-~]+", said="1 to 255 visible ASCII characters")
_APP = Text(1, 64, r"[A-Za-z0-9_-]+", said="1 to 64 letters, digits, underscores or hyphens")
_LIMIT = Text(1, 3, r"[1-9][0-9]?|100", said="an integer from 1 to 100")


async def read_object(request: Request, *, or_nothing: bool = False) -> dict[str, Any]:
    """The JSON object in the body; `or_nothing`: no body at all counts as an empty one. Raises ClientDisconnect."""
    body = await _read(request)
    if or_nothing and not body.strip():
        return {}
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind and kind != "application/json" and not kind.endswith("+json"):
        raise Problem("wrong_content_type", "A body is JSON: Content-Type is application/json.")
    return object_in(body)


async def _read(request: Request) -> bytes:
    too_large = Problem(
        "body_too_large", f"A body has at most {BODY_LIMIT} bytes.", headers={"Connection": "close"}
    )
    length = request.headers.get("content-length", "")
    if length.isdecimal() and int(length) > BODY_LIMIT:
        raise too_large
    parts, size = [], 0
    try:
        async with asyncio.timeout(BODY_S):
            async for part in request.stream():
                size += len(part)
                if size > BODY_LIMIT:
                    raise too_large
                parts.append(part)
    except TimeoutError:
        detail = f"A body is there within {BODY_S} s."
        raise Problem("body_timeout", detail, headers={"Connection": "close"}) from None
    return b"".join(parts)


def object_in(body: bytes) -> dict[str, Any]:
    """The JSON object that bytes are. Of what several readers would read differently, nothing is taken."""
    try:
        content = _decoder.decode(body.decode())
        _walk(content, "", 1)
    except _Twice as error:
        raise invalid([Wrong(_name(str(error)), "no member twice")], status=400) from None
    except (ValueError, RecursionError):
        raise invalid([Wrong("", "a JSON object, in UTF-8")], status=400) from None
    if not isinstance(content, dict):
        raise invalid([Wrong("", "a JSON object")], status=400)
    return content


class _Twice(Exception):
    """An object has a member twice."""


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        raise _Twice(next(name for name in names if names.count(name) > 1))
    return found


def _no_number(text: str) -> None:
    raise ValueError(text)


def _finite(text: str) -> float:
    number = float(text)
    if number in (float("inf"), float("-inf")):
        raise ValueError("a number beyond all bounds")
    return number


_decoder = json.JSONDecoder(object_pairs_hook=_members, parse_constant=_no_number, parse_float=_finite)


def _walk(value: Any, path: str, depth: int) -> None:
    if isinstance(value, str):
        _unicode(value, path)
    elif isinstance(value, dict | list):
        if depth > DEEPEST:
            raise invalid(
                [Wrong(_name(path), f"at most {DEEPEST} objects and lists in one another")], status=400
            )
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(name, str):
                _unicode(name, path)
            _walk(one, f"{path}.{name}" if path else str(name), depth + 1)


def _unicode(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # half a surrogate pair
        raise invalid([Wrong(_name(path), "valid Unicode")], status=400) from None


def _name(text: str) -> str:
    """Whatever somebody took for a name, fit for an answer."""
    return text.encode("utf-8", "backslashreplace").decode()[:100]


def unknown(content: Mapping[str, Any], known: Iterable[str]) -> Iterator[Wrong]:
    """Members that we do not know are refused, because a misspelt one would be left out silently."""
    for name in content.keys() - set(known):
        yield Wrong(_name(name), "no such field")


def beyond(content: Mapping[str, Any]) -> Iterator[Wrong]:
    """Numbers within `extra` and `metadata` that not every reader of JSON gets as they were sent."""
    for name in ("extra", "metadata"):
        if _has_beyond(content.get(name)):
            yield Wrong(name, f"no number beyond {LARGEST}")


def _has_beyond(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_beyond, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and abs(value) > LARGEST


def app_field(apps: tuple[str, ...]) -> Field:
    """The rule for `app`: one of ours; it can be left out only where exactly one is ours."""
    rule: Rule = OneOf(apps) if apps else _APP
    return Field("app", rule, required=len(apps) != 1)


def query_of(request: Request, *fields: Field) -> dict[str, str | None]:
    """The parameters of the address."""
    given, names = request.query_params, [one.name for one in fields]
    wrong = list(unknown(given, names))
    wrong += [Wrong(name, "given once") for name in names if len(given.getlist(name)) > 1]
    wrong += [one for field in fields for one in field.problems("", given)]
    if wrong:
        raise invalid(wrong)
    return {name: given.get(name) for name in names}


LIMIT, CURSOR, ORDER_NO = (
    Field("limit", _LIMIT),
    Field("cursor", Text(1, 1024)),
    Field("order_no", Text(1, 256)),
)


def key_of(headers: Headers) -> str:
    """The Idempotency-Key."""
    given = headers.getlist("idempotency-key")
    rule = Field("Idempotency-Key", KEY, required=True)
    wrong = list(rule.problems("", {rule.name: given[0] if given else None}))
    if wrong or len(given) > 1:
        raise invalid(wrong or [Wrong(rule.name, "given once")])
    return given[0]


def wait_of(headers: Headers) -> int | None:
    """The seconds of `Prefer: wait=N` (RFC 7240); preferences that we do not know, or cannot read, are passed over."""
    for one in ",".join(headers.getlist("prefer")).split(","):
        name, _, value = one.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":  # the first counts
            seconds = value.strip().strip('"')
            return min(int(seconds), MOST_WAIT_S) if re.fullmatch(r"[0-9]{1,9}", seconds) else None
    return None


_REFUND = (
    Field("amount", Whole(1)),
    Field("description", Text(1, 255), required=True),
    Field("funding_source", OneOf(("unsettled_funds", "recharge_funds"))),
    # A charge's id, as `payments/pingpp/sighting.py` takes it.
    Field("charge", Text(1, 63, r"[A-Za-z0-9_.-]+", said="the id of a charge")),
)
REFUND_FIELDS = (*(one.name for one in _REFUND), "metadata", "extra")


def refund_problems(content: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is wrong with a refund as the merchant asks for it, on any channel."""
    yield from unknown(content, REFUND_FIELDS)
    for field in _REFUND:
        yield from field.problems("", content)
    yield from extra_problems((), content.get("extra"))
    yield from metadata_problems(content.get("metadata"))
    yield from beyond(content)


class Rate:
    """An exchange rate; the samples have some as a string, some as a number."""

    words = "a number above 0, or its digits as a string"

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        digits = isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", value)
        if not (number or digits):
            yield Wrong(field, self.words, size(value))


# Ping++ docs: `rate` and `refund_amount`, only for cb_alipay_qr and _scan. What they look like is unsure.
_CB_ALIPAY = (
    Field("rate", Rate(), required=True),
    Field("refund_amount", Whole(1, digits_too=True), required=True),
)


def refund_problems_of(channel: str, content: Mapping[str, Any]) -> Iterator[Wrong]:
    """What more is wrong with it on the channel of the charge."""
    if channel.startswith("cb_alipay_"):
        yield from extra_problems(_CB_ALIPAY, content.get("extra"))
