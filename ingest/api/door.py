"""The door of the merchant API: checks the token, finds the call for a path, and answers refusals as problems."""

import hmac
import time
from typing import Any

import structlog
from starlette.datastructures import URLPath
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from ingest.api import openapi, problems
from ingest.api.answers import Call, one_of, segments_of
from ingest.api.charges import Charges
from ingest.api.payments import Payments
from ingest.api.problems import Problem
from ingest.office import Office

log = structlog.get_logger()


class MerchantApi(BaseRoute):
    """One route for the whole API, so that all errors and unknown paths are answered in the same way.

    It needs an office with a desk.
    """

    def __init__(self, office: Office) -> None:
        self._payments, self._charges = Payments(office), Charges(office)
        self._tokens = office.tokens
        self._told_s = 0.0

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"] if scope["type"] == "http" else ""
        ours = path in ("/payments", "/charges", "/openapi.json") or path.startswith(
            ("/payments/", "/charges/")
        )
        return (Match.FULL if ours else Match.NONE), {}

    def url_path_for(self, name: str, /, **_: Any) -> URLPath:
        raise NoMatchFound(name, {})

    async def handle(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._called(request)(request)
        except ClientDisconnect:
            return
        except Exception as error:
            problem = problems.of(error)
            if problem.status == 500:
                log.exception("merchant API broke", method=request.method, exc_info=error)
            elif problem.status == 503:
                log.warning("merchant API", outcome=problem.code, error=f"{type(error).__name__}: {error}")
            response = problem.response()
        response.headers["Cache-Control"] = "no-store"
        await response(scope, receive, send)

    def _called(self, request: Request) -> Call:
        """The call for the request's path and method. Raises Problem; the token is checked first."""
        segments = segments_of(request.scope)
        if segments == ["openapi.json"]:
            return one_of({"GET": _describe}, request.method)
        self._authorize(request)
        payments, charges = self._payments, self._charges
        match segments:
            case ["payments"]:
                return one_of({"GET": payments.page, "POST": payments.create}, request.method)
            case ["payments", str(order_no)] if order_no:
                return one_of({"GET": lambda one: payments.show(one, order_no)}, request.method)
            case ["payments", str(order_no), "refunds"] if order_no:
                return one_of({"POST": lambda one: payments.refund(one, order_no)}, request.method)
            case ["payments", str(order_no), ("close" | "reverse") as verb] if order_no:
                return one_of({"POST": lambda one: payments.stop(one, order_no, verb)}, request.method)
            case ["charges", str(charge_id)] if charge_id:
                return one_of({"PUT": lambda one: charges.watch(one, charge_id)}, request.method)
            case _:
                raise Problem("not_found", "Nothing has this address.")

    def _authorize(self, request: Request) -> None:
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        sent, right = token.strip().encode("latin-1"), False
        for one in self._tokens:  # compares with all tokens, so that the time taken tells nothing
            right |= hmac.compare_digest(one, sent)
        if scheme.lower() == "bearer" and right:
            return
        # At most one line a second: wrong tokens must not fill the disk.
        if time.monotonic() - self._told_s > 1:
            self._told_s = time.monotonic()
            log.warning("merchant API", outcome="unauthorized")
        detail = "A token is needed: Authorization: Bearer …, one of MERCHANT_API_TOKENS."
        raise Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


async def _describe(_: Request) -> Response:
    return Response(openapi.DOCUMENT, media_type="application/json")
