"""Puts the sandbox together as an ASGI app."""

import asyncio
import contextlib
from collections.abc import AsyncIterator

import httpx
import structlog
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from sandbox.api import gateway
from sandbox.control import calls, charges
from sandbox.control import routes as control
from sandbox.objects import refunds
from sandbox.pages import routes as pages
from sandbox.refusals import Problem, Refused, as_response
from sandbox.settings import Settings
from sandbox.shop import routes as shop
from sandbox.shop.merchant import Merchant
from sandbox.world import opened

log = structlog.get_logger()


def make_app(
    settings: Settings,
    transport: httpx.AsyncBaseTransport | None = None,
    to_merchant: httpx.AsyncBaseTransport | None = None,
) -> Starlette:
    """The app. In tests `transport` takes its webhooks in place of the network, `to_merchant` the demo shop's calls."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        shopping = contextlib.aclosing(Merchant(settings, to_merchant))
        async with opened(settings, transport) as world, shopping as merchant:
            app.state.world, app.state.merchant = world, merchant
            tasks = [asyncio.create_task(world.sender.run()), asyncio.create_task(refunds.settle(world))]
            for task in tasks:
                task.add_done_callback(_noticed)
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()
                await asyncio.gather(*tasks, return_exceptions=True)

    return Starlette(
        routes=[
            *gateway.ROUTES,
            *control.ROUTES,
            *charges.ROUTES,
            *calls.ROUTES,
            *pages.ROUTES,
            *shop.ROUTES,
        ],
        lifespan=lifespan,
        exception_handlers={
            Refused: _said_no,
            Problem: _said_no,
            HTTPException: _no_such_thing,
            Exception: _broke,
        },
    )


def _noticed(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()) is not None:
        log.critical("a task of the sandbox broke; restart it", error=repr(error))


async def _said_no(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refused | Problem)  # noqa: S101 - registered for these alone
    return as_response(error)


async def _no_such_thing(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - registered for this alone
    if request.url.path.startswith("/v1/"):
        what = f"{request.method} {request.url.path}: {error.detail}"
        return as_response(Refused(error.status_code, "invalid_request_error", what))
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "invalid")
    return as_response(Problem(error.status_code, code, error.detail))


async def _broke(request: Request, _: Exception) -> Response:
    if request.url.path.startswith("/v1/"):
        return as_response(Refused(500, "api_error", "The sandbox broke; its log says how"))
    return as_response(Problem(500, "broke", "The sandbox broke; its log says how."))
