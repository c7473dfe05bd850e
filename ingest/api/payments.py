"""The calls below `/payments`, by which the merchant's server creates, shows, lists, refunds, closes and reverses
payments.

It only reads and answers; `payments/` decides and acts. Every refusal is a problem document.
"""

import asyncio
import time
from collections.abc import Coroutine
from typing import Any, TypeVar

import structlog
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response

from ingest.api.answers import again_after, json_answer, location, logged, waited
from ingest.api.fields import (
    CURSOR,
    IF_PAID,
    LIMIT,
    ORDER_NO,
    PAYMENT_FIELDS,
    RETURN_URL,
    app_field,
    beyond,
    refund_problems,
    refund_problems_of,
    unknown,
)
from ingest.api.problems import Problem, invalid, refused, unavailable
from ingest.api.reading import key_of, query_of, read_object, wait_of
from ingest.office import Office
from payments.books import listing
from payments.books.ledger import Held
from payments.books.payment import Attempt, Payment, RefundAttempt
from payments.books.view import merchant_json
from payments.books.wanted import Wanted, digest_of
from payments.channels import table
from payments.channels.rules import Field, Wrong
from payments.taking.create import Created, create
from payments.taking.refund import refund
from payments.taking.reverse import stop

# With Ping++, and with reversals that come before; then the caller hears that the outcome is not known yet.
_PATIENCE_S = 30
# For a caller that does not wait for the end: how often it is checked whether the attempt is written down.
_LOOK_EVERY_S = 0.05

log = structlog.get_logger()
T = TypeVar("T")


class Payments:
    """The calls on payments."""

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
            making = self._keep(create(self._desk, wanted))
            # a caller that closes the connection does not stop the create midway
            await asyncio.wait({making}, timeout=_PATIENCE_S if wait is None else wait)
            under_way = await self._written_down(wanted, making)
            made = Created(under_way) if under_way else making.result()
            after = BackgroundTask(_end, making) if under_way else None
            if made.problem:
                raise made.problem
            payment = made.payment
            if wait is not None and after is None:
                held = await self._settled(payment.name, began + wait)
                payment = held.payment if held else payment
            status = _status_of(payment, new=made.new)
            line.update(outcome=payment.status, status=status)
        headers = waited(wait) | ({} if status == 200 else location(payment)) | again_after(status)
        response = json_answer(self._shown(payment), status, headers)
        response.background = after
        return response

    async def _written_down(self, wanted: Wanted, making: asyncio.Task[Any]) -> Payment | None:
        """The payment once its attempt is written down and Ping++ is being called; None: the call has ended already."""
        while not making.done():
            held = await self._office.find(f"{wanted.app}:{wanted.order_no}")
            newest = held.payment.attempts[-1] if held and held.payment.attempts else None
            if held and newest and newest.open and newest.digest == wanted.digest:
                return held.payment
            await asyncio.wait({making}, timeout=_LOOK_EVERY_S)
        return None

    async def _wanted(self, content: dict[str, Any]) -> Wanted:
        """The payment that is asked for. Raises Problem with all errors of the request."""
        wrong = [*unknown(content, PAYMENT_FIELDS), *self._app.problems("", content)]
        app, order_no, attempt = self._app_of(content.get("app")), content.get("order_no"), 1
        again: Any = False
        if not wrong and isinstance(order_no, str) and len(order_no) <= 256:
            held = await self._office.find(f"{app}:{order_no}")
            # A further attempt has an order_no of its own at Ping++, made for the channel.
            attempt += bool(held and any(not one.not_reached for one in held.payment.attempts))
            # A repeated request stays valid, however little is left until its time_expire.
            newest = held.payment.attempts[-1:] if held else ()
            again = newest and newest[0].digest == digest_of(content.get("channel", ""), content.get("extra"))
        found = table.problems(content, now=time.time(), attempt=attempt)
        wrong += [one for one in found if not (again and one.field == "time_expire")]
        wrong += [*RETURN_URL.problems("", content), *beyond(content)]
        if wrong:
            raise invalid(wrong)
        return Wanted(
            app=app,
            order_no=content["order_no"],
            amount=content["amount"],
            currency=content["currency"],
            channel=content["channel"],
            subject=content["subject"],
            body=content["body"],
            client_ip=content["client_ip"],
            livemode=self._desk.livemode,
            time_expire=content.get("time_expire"),
            description=content.get("description"),
            extra=content.get("extra"),
            metadata=content.get("metadata"),
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
        response = json_answer(self._shown(held.payment), headers=waited(wait))
        response.background = after  # a stopping process waits for it
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
            office, before, limit = self._office, _place_of(query["cursor"]), int(query["limit"] or 20)
            found, cursor = await listing.page(office.async_client, office.store.keys, apps, limit, before)
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
            if made.problem:
                raise made.problem
            if attempt.failure:
                raise _failed(attempt)
            status = 202 if attempt.open else 201 if made.new else 200
            line.update(outcome="refunding" if attempt.open else "refunded", status=status)
        shown = self._shown(made.payment)
        this = next(one for one in shown["refunds"] if one["idempotency_key"] == key)
        headers = {} if status == 200 else location(made.payment)
        return json_answer({"refund": this, "payment": shown}, status, headers | again_after(status))

    async def stop(self, request: Request, order_no: str, verb: str) -> Response:
        name = self._name(request, order_no)
        with logged(
            "close asked for" if verb == "close" else "reverse asked for", order_no=order_no[:256]
        ) as line:
            content = await read_object(request, or_nothing=True)
            wrong = [*unknown(content, ("if_paid",)), *IF_PAID.problems("", content)]
            if wrong:
                raise invalid(wrong)
            if_paid = content.get("if_paid") or "keep"
            payment = await stop(self._desk, name, if_paid=if_paid, ends=verb == "close")
            waiting = any(payment.reversing(charge.id) for charge in payment.charges)
            status = 202 if waiting or any(one.open for one in payment.attempts) else 200
            line.update(app=payment.app, outcome=payment.status, status=status)
        headers = location(payment) | again_after(status) if status == 202 else {}
        return json_answer(self._shown(payment), status, headers)

    def _shown(self, payment: Payment) -> dict[str, Any]:
        return merchant_json(payment, self._office.public_url)

    def _app_of(self, given: Any) -> Any:
        return self._office.apps[0] if given is None and len(self._office.apps) == 1 else given

    def _name(self, request: Request, order_no: str) -> str:
        """The payment that the path and `?app=` name. Raises Problem."""
        app = self._app_of(query_of(request, self._app)["app"])
        return f"{app}:{order_no}"

    async def _found(self, name: str) -> Held:
        held = await self._office.find(name)
        if held is None:
            raise Problem("not_found", "There is no such payment.")
        return held

    async def _settled(self, name: str, until: float) -> Held | None:
        """The payment once it is settled, or as it is when the time is over. A write after a read changes its token."""
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
    """Finish a create whose caller was answered already; the caller learns the outcome by asking again."""
    try:
        await work
    except Exception as error:  # noqa: BLE001
        log.warning("work broke after its answer", error=f"{type(error).__name__}: {error}")


def _place_of(cursor: str | None) -> listing.Place | None:
    """The position at which the wanted page begins."""
    try:
        return None if cursor is None else listing.read_cursor(cursor)
    except ValueError:
        raise invalid([Wrong("cursor", "a next_cursor of an earlier answer")]) from None


def _is_settled(payment: Payment) -> bool:
    return payment.status not in ("creating", "pending")


def _status_of(payment: Payment, *, new: bool) -> int:
    """201: registered now, with its charge. 200: known before. 202: the outcome is not known yet. Raises Problem."""
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
    """The channel of the charge that is to be refunded, if it is clear which one that is."""
    paid = [charge for charge in payment.charges if charge.paid]
    chosen = [c for c in paid if c.id == charge_id or (charge_id is None and payment.kept(c))]
    return chosen[0].channel if len(chosen) == 1 else ""
