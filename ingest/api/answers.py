"""How the merchant API answers, how it logs its calls, and how it takes addresses apart."""

import contextlib
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any
from urllib.parse import quote, unquote, urlencode

import msgspec
import structlog
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from ingest.api import problems
from ingest.api.problems import Problem
from payments.books.payment import Payment

log = structlog.get_logger()
Call = Callable[[Request], Awaitable[Response]]


def segments_of(scope: Scope) -> list[str] | None:
    """The parts of the path, each decoded by itself, because an order number may have a slash. None: not UTF-8."""
    raw: bytes = scope.get("raw_path") or quote(scope["path"]).encode()
    try:
        return [unquote(one, errors="strict") for one in raw.decode("ascii").split("/")[1:]]
    except UnicodeDecodeError:
        return None


def one_of(calls: Mapping[str, Call], method: str) -> Call:
    call = calls.get("GET" if method == "HEAD" else method)
    if call is None:
        allowed = ", ".join(["HEAD", *calls] if "GET" in calls else calls)
        raise Problem("method_not_allowed", f"Here: {allowed}.", headers={"Allow": allowed})
    return call


def json_answer(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")


@contextlib.contextmanager
def logged(what: str, **about: Any) -> Iterator[dict[str, Any]]:
    """One log line for a request that changes something; `outcome` and `status` are added to it."""
    line, began = {"outcome": "cancelled", **about}, time.monotonic()
    try:
        yield line
    except Exception as error:
        problem = problems.of(error)
        line.update(outcome=problem.code, status=problem.status)
        raise
    finally:
        log.info(what, **line, duration_ms=round(1000 * (time.monotonic() - began)))


def location(payment: Payment) -> dict[str, str]:
    return {"Location": f"/payments/{quote(payment.order_no, safe='')}?{urlencode({'app': payment.app})}"}


def again_after(status: int) -> dict[str, str]:
    return {"Retry-After": "1"} if status == 202 else {}


def waited(wait: int | None) -> dict[str, str]:
    return {} if wait is None else {"Preference-Applied": f"wait={wait}"}
