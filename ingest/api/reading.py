"""Reads what the merchant's server sends: JSON strictly, headers and queries with their rules. Raises Problem."""

import asyncio
import json
import re
from typing import Any

from starlette.datastructures import Headers
from starlette.requests import Request

from ingest.api.fields import KEY, spelled, unknown
from ingest.api.problems import Problem, invalid
from payments.channels.rules import (
    Field,
    Wrong,
)

#: bytes of a body at most
BODY_LIMIT = 1024 * 1024
#: seconds in which a body must have arrived
BODY_S = 10
#: levels of objects and lists within each other
DEEPEST = 32
#: the most that `Prefer: wait` can ask for
MOST_WAIT_S = 60


async def read_object(request: Request, *, or_nothing: bool = False) -> dict[str, Any]:
    """The JSON object in the body. `or_nothing`: an empty body counts as `{}`. Raises Problem, ClientDisconnect."""
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
    """The JSON object in the bytes. JSON that some readers read differently is refused. Raises Problem."""
    try:
        content = _decoder.decode(body.decode())
        _walk(content, "", 1)
    except _Twice as error:
        raise invalid([Wrong(spelled(str(error)), "no member twice")], status=400) from None
    except (ValueError, RecursionError):
        raise invalid([Wrong("", "a JSON object, in UTF-8")], status=400) from None
    if not isinstance(content, dict):
        raise invalid([Wrong("", "a JSON object")], status=400)
    return content


class _Twice(Exception):
    """An object has the same member twice."""


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
                [Wrong(spelled(path), f"at most {DEEPEST} objects and lists in one another")], status=400
            )
        for name, one in value.items() if isinstance(value, dict) else enumerate(value):
            if isinstance(name, str):
                _unicode(name, path)
            _walk(one, f"{path}.{name}" if path else str(name), depth + 1)


def _unicode(text: str, path: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError:  # it holds half of a surrogate pair
        raise invalid([Wrong(spelled(path), "valid Unicode")], status=400) from None


def query_of(request: Request, *fields: Field) -> dict[str, str | None]:
    """The parameters of the query. Raises Problem."""
    given, names = request.query_params, [one.name for one in fields]
    wrong = list(unknown(given, names))
    wrong += [Wrong(name, "given once") for name in names if len(given.getlist(name)) > 1]
    wrong += [one for field in fields for one in field.problems("", given)]
    if wrong:
        raise invalid(wrong)
    return {name: given.get(name) for name in names}


def key_of(headers: Headers) -> str:
    """The Idempotency-Key. Raises Problem."""
    given = headers.getlist("idempotency-key")
    rule = Field("Idempotency-Key", KEY, required=True)
    wrong = list(rule.problems("", {rule.name: given[0] if given else None}))
    if wrong or len(given) > 1:
        raise invalid(wrong or [Wrong(rule.name, "given once")])
    return given[0]


def wait_of(headers: Headers) -> int | None:
    """The seconds of `Prefer: wait=N`. As RFC 7240 says, unknown or unreadable preferences are ignored."""
    for one in ",".join(headers.getlist("prefer")).split(","):
        name, _, value = one.partition(";")[0].partition("=")
        if name.strip().lower() == "wait":  # the first counts
            seconds = value.strip().strip('"')
            return min(int(seconds), MOST_WAIT_S) if re.fullmatch(r"[0-9]{1,9}", seconds) else None
    return None
