"""The merchant API: payments are asked for, shown, refunded, closed and reversed by the merchant's own server.

Thin: it reads, lets `payments/` decide and act, and answers. Every refusal is a problem document.
"""

import asyncio
import contextlib
import hmac
import time
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlencode

import msgspec
import structlog
from starlette.background import BackgroundTask
from starlette.datastructures import URLPath
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Match, NoMatchFound
from starlette.types import Receive, Scope, Send

from ingest import listing
from ingest.api import openapi, problems
from ingest.api.problems import Problem, invalid, refused, unavailable
from ingest.api.reading import (
    CURSOR,
    LIMIT,
    ORDER_NO,
    URL,
    app_field,
    beyond,
    key_of,
    query_of,
    read_object,
    refund_problems,
    refund_problems_of,
    unknown,
    wait_of,
)
from ingest.office import Office
from payments.books.attempts import Wanted
from payments.books.ledger import Held
from payments.books.payment import Attempt, Payment, RefundAttempt
from payments.books.view import merchant_json
from payments.channels import table
from payments.channels.rules import Field, OneOf
from payments.taking.create import Created, create, digest
from payments.taking.refund import refund
from payments.taking.reverse import stop

PAYMENT_FIELDS = (
    "order_no", "amount", "currency", "channel", "subject", "body", "client_ip", "app", "extra", "metadata",
    "time_expire", "description", "return_url",
)  # fmt: skip
_RETURN_URL = Field("return_url", URL)
_IF_PAID = Field("if_paid", OneOf(("keep", "refund")))
_PATIENCE_S = (
    30  # with Ping++, and with reversals that come before; then the caller hears that it is not known yet
)
_LOOK_EVERY_S = 0.05  # whether an attempt is written down yet, where the caller does not wait for its end

log = structlog.get_logger()
Call = Callable[[Request], Awaitable[Response]]
T = TypeVar("T")


def routes(office: Office) -> list[BaseRoute]:
    """Its routes. `office.desk` is there."""
    return [MerchantApi(office)]


class MerchantApi(BaseRoute):
    """The one route to all of it: so that whatever goes wrong, and whatever is not there, is answered in one way."""

    def __init__(self, office: Office) -> None:
        self._payments = Payments(office)
        self._tokens = office.tokens
        self._told_s = 0.0

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        path = scope["path"] if scope["type"] == "http" else ""
        ours = path in ("/payments", "/openapi.json") or path.startswith("/payments/")
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
        """What is called. Raises Problem, the token's before all others."""
        segments = segments_of(request.scope)
        if segments == ["openapi.json"]:
            return one_of({"GET": _describe}, request.method)
        self._authorize(request)
        payments = self._payments
        match segments:
            case ["payments"]:
                return one_of({"GET": payments.page, "POST": payments.create}, request.method)
            case ["payments", str(order_no)] if order_no:
                return one_of({"GET": lambda one: payments.show(one, order_no)}, request.method)
            case ["payments", str(order_no), "refunds"] if order_no:
                return one_of({"POST": lambda one: payments.refund(one, order_no)}, request.method)
            case ["payments", str(order_no), ("close" | "reverse") as verb] if order_no:
                return one_of({"POST": lambda one: payments.stop(one, order_no, verb)}, request.method)
            case _:
                raise Problem("not_found", "Nothing has this address.")

    def _authorize(self, request: Request) -> None:
        given = request.headers.getlist("authorization")
        scheme, _, token = given[0].partition(" ") if len(given) == 1 else ("", "", "")
        sent, right = token.strip().encode("latin-1"), False
        for one in self._tokens:  # all of them: how long it takes tells nothing
            right |= hmac.compare_digest(one, sent)
        if scheme.lower() == "bearer" and right:
            return
        if time.monotonic() - self._told_s > 1:  # whoever knocks must not fill the disk
            self._told_s = time.monotonic()
            log.warning("merchant API", outcome="unauthorized")
        detail = "A token is needed: Authorization: Bearer …, one of MERCHANT_API_TOKENS."
        raise Problem("unauthorized", detail, headers={"WWW-Authenticate": "Bearer"})


def segments_of(scope: Scope) -> list[str] | None:
    """The parts of the address, each decoded by itself: an order number may have a slash. None: it is no text."""
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


async def _describe(_: Request) -> Response:
    return Response(openapi.DOCUMENT, media_type="application/json")


def json_answer(
    content: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None
) -> Response:
    return Response(msgspec.json.encode(content), status, headers, "application/json")


@contextlib.contextmanager
def logged(what: str, **about: Any) -> Iterator[dict[str, Any]]:
    """One line for a request that changes something; `outcome` and `status` are put into it."""
    line, began = {"outcome": "cancelled", **about}, time.monotonic()
    try:
        yield line
    except Exception as error:
        problem = problems.of(error)
        line.update(outcome=problem.code, status=problem.status)
        raise
    finally:
        log.info(what, **line, duration_ms=round(1000 * (time.monotonic() - began)))


class Payments:
    """What can be asked for."""

    def __init__(self, office: Office) -> None:
        assert office.desk is not None  # noqa: S101  the API is not served without
        self._office, self._desk = office, office.desk
        self._app = app_field(office.apps)
        self._tasks: set[asyncio.Task[Any]] = set()

    async def create(self, request: Request) -> Response:
        began, wait = time.monotonic(), wait_of(request.headers)
        with logged("payment asked for") as line:
            content = await read_object(request)
            wanted = await self._wanted(content)
            line.update(order_no=wanted.order_no, app=wanted.app, channel=wanted.channel)
            making = self._keep(create(self._desk, wanted, content))
            # whoever goes away does not stop it midway
            await asyncio.wait({making}, timeout=_PATIENCE_S if wait is None else wait)
            while not making.done():
                held = await self._office.find(f"{wanted.app}:{wanted.order_no}")
                newest = held.payment.attempts[-1] if held and held.payment.attempts else None
                if held and newest and newest.open and newest.digest == wanted.digest:
                    made, after = Created(held.payment), BackgroundTask(_end, making)
                    break
                await asyncio.wait({making}, timeout=_LOOK_EVERY_S)
            else:
                made, after = making.result(), None
            for no in (made.refused, made.not_now):
                if no:
                    raise no
            payment = made.payment
            if wait is not None and after is None:
                held = await self._settled(payment.name, began + wait)
                payment = held.payment if held else payment
            status = _status_of(payment, new=made.new)
            line.update(outcome=payment.status, status=status)
        headers = _waited(wait) | ({} if status == 200 else location(payment)) | _again(status)
        response = json_answer(self._shown(payment), status, headers)
        response.background = after
        return response

    async def _wanted(self, content: dict[str, Any]) -> Wanted:
        """The payment that is asked for. Raises Problem with all that is wrong with it."""
        wrong = [*unknown(content, PAYMENT_FIELDS), *self._app.problems("", content)]
        app, order_no, attempt = self._app_of(content.get("app")), content.get("order_no"), 1
        again: Any = False
        if not wrong and isinstance(order_no, str) and len(order_no) <= 256:
            held = await self._office.find(f"{app}:{order_no}")
            # A further attempt has an order_no of its own at Ping++, made for the channel.
            attempt += bool(held and any(not one.not_reached for one in held.payment.attempts))
            # What was asked for before is asked for again, however little is left of its time.
            newest = held.payment.attempts[-1:] if held else ()
            again = newest and newest[0].digest == digest(content.get("channel", ""), content.get("extra"))
        found = table.problems(content, now=time.time(), attempt=attempt)
        wrong += [one for one in found if not (again and one.field == "time_expire")]
        wrong += [*_RETURN_URL.problems("", content), *beyond(content)]
        if wrong:
            raise invalid(wrong)
        return Wanted(
            app=app,
            order_no=content["order_no"],
            amount=content["amount"],
            currency=content["currency"],
            channel=content["channel"],
            digest=digest(content["channel"], content.get("extra")),
            subject=content["subject"],
            livemode=self._desk.livemode,
            return_url=content.get("return_url"),
            on_paid_late=self._office.on_paid_late,
        )

    async def show(self, request: Request, order_no: str) -> Response:
        began, wait = time.monotonic(), wait_of(request.headers)
        name = self._name(request, order_no)
        held, after = await self._found(name), None
        if not _is_settled(held.payment):
            after = BackgroundTask(_end, self._keep(self._office.hasten(held)))
            if wait is not None:
                held = await self._settled(name, began + wait) or held
        response = json_answer(self._shown(held.payment), headers=_waited(wait))
        response.background = after  # a process that is to stop waits for it
        return response

    async def page(self, request: Request) -> Response:
        app = Field("app", self._app.rule)
        query = query_of(request, app, LIMIT, CURSOR, ORDER_NO)
        apps = (query["app"],) if query["app"] else self._office.apps
        if query["order_no"] is not None:
            if not apps:
                raise invalid(self._app.problems("", {}))
            held = [await self._office.find(f"{one}:{query['order_no']}") for one in apps]
            found, cursor = [one.payment for one in held if one], None
        else:
            before = listing.read_cursor(query["cursor"])
            found, cursor = await listing.page(self._office, apps, int(query["limit"] or 20), before)
        return json_answer({"payments": [self._shown(one) for one in found], "next_cursor": cursor})

    async def refund(self, request: Request, order_no: str) -> Response:
        name = self._name(request, order_no)
        with logged("refund asked for", order_no=order_no[:256]) as line:
            key, content = key_of(request.headers), await read_object(request)
            content = {field: value for field, value in content.items() if value is not None}
            wrong = list(refund_problems(content))
            if wrong:
                raise invalid(wrong)
            payment = (await self._found(name)).payment
            line.update(app=payment.app)
            again = any(one.key == key and not one.not_reached for one in payment.refund_attempts)
            wrong = list(refund_problems_of(_channel_of(payment, content.get("charge")), content))
            if wrong and not again:
                raise invalid(wrong)
            made = await refund(self._desk, name, key, content)
            attempt = made.attempt
            for no in (made.refused, made.not_now):
                if no:
                    raise no
            if attempt.failure:
                raise _failed(attempt)
            status = 202 if attempt.open else 201 if made.new else 200
            line.update(outcome="refunding" if attempt.open else "refunded", status=status)
        shown = self._shown(made.payment)
        this = next(one for one in shown["refunds"] if one["idempotency_key"] == key)
        headers = {} if status == 200 else location(made.payment)
        return json_answer({"refund": this, "payment": shown}, status, headers | _again(status))

    async def stop(self, request: Request, order_no: str, verb: str) -> Response:
        name = self._name(request, order_no)
        with logged(
            "close asked for" if verb == "close" else "reverse asked for", order_no=order_no[:256]
        ) as line:
            content = await read_object(request, or_nothing=True)
            wrong = [*unknown(content, ("if_paid",)), *_IF_PAID.problems("", content)]
            if wrong:
                raise invalid(wrong)
            if_paid = content.get("if_paid") or "keep"
            payment = await stop(self._desk, name, if_paid=if_paid, ends=verb == "close")
            waiting = any(payment.reversing(charge.id) for charge in payment.charges)
            status = 202 if waiting or any(one.open for one in payment.attempts) else 200
            line.update(app=payment.app, outcome=payment.status, status=status)
        headers = location(payment) | _again(status) if status == 202 else {}
        return json_answer(self._shown(payment), status, headers)

    def _shown(self, payment: Payment) -> dict[str, Any]:
        return merchant_json(payment, self._office.public_url)

    def _app_of(self, given: Any) -> Any:
        return self._office.apps[0] if given is None and len(self._office.apps) == 1 else given

    def _name(self, request: Request, order_no: str) -> str:
        """The payment that the address names. Raises Problem."""
        app = self._app_of(query_of(request, self._app)["app"])
        return f"{app}:{order_no}"

    async def _found(self, name: str) -> Held:
        held = await self._office.find(name)
        if held is None:
            raise Problem("not_found", "There is no such payment.")
        return held

    async def _settled(self, name: str, until: float) -> Held | None:
        """The payment once it is settled, or as it is then. Whatever is written after a look has another token than it."""
        held = await self._office.find(name)
        following = self._office.following
        while held and not _is_settled(held.payment) and time.monotonic() < until and not following.leaving:
            await following.changed(name, held.token, until - time.monotonic())
            held = await self._office.find(name)
        return held

    def _keep(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task


async def _end(work: asyncio.Task[Any]) -> None:
    """The caller has its answer, and hears of what comes after it by asking again."""
    try:
        await work
    except Exception as error:  # noqa: BLE001
        log.warning("work broke after its answer", error=f"{type(error).__name__}: {error}")


def _is_settled(payment: Payment) -> bool:
    return payment.status not in ("creating", "pending")


def _status_of(payment: Payment, *, new: bool) -> int:
    """201: registered now, with its charge. 200: known. 202: nobody knows yet. Raises Problem for a refusal."""
    newest = payment.attempts[-1] if payment.attempts else None
    if newest is None or any(charge.paid for charge in payment.charges):
        return 201 if new and newest and newest.charge else 200
    if newest.failure:
        raise _failed(newest)
    return 202 if newest.open else 201 if new else 200


def _failed(attempt: Attempt | RefundAttempt) -> Problem:
    assert attempt.failure is not None  # noqa: S101  asked before
    return unavailable(attempt.failure.message) if attempt.not_reached else refused(attempt.failure)


def _channel_of(payment: Payment, charge_id: str | None) -> str:
    """The channel of the charge that is to be refunded, where that is clear."""
    paid = [charge for charge in payment.charges if charge.paid]
    chosen = [c for c in paid if c.id == charge_id or (charge_id is None and payment.kept(c))]
    return chosen[0].channel if len(chosen) == 1 else ""


def location(payment: Payment) -> dict[str, str]:
    return {"Location": f"/payments/{quote(payment.order_no, safe='')}?{urlencode({'app': payment.app})}"}


def _again(status: int) -> dict[str, str]:
    return {"Retry-After": "1"} if status == 202 else {}


def _waited(wait: int | None) -> dict[str, str]:
    return {} if wait is None else {"Preference-Applied": f"wait={wait}"}
