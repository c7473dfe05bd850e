"""Control calls about what customers and channels do with charges and refunds."""

from typing import Annotated

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.control.asked import limit, read, world_of
from sandbox.objects import charges, refunds
from sandbox.refusals import Object, Problem, Refused, json
from sandbox.world import World

Code = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]{1,64}$")]


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    time_paid: Annotated[int, msgspec.Meta(gt=0)] | None = None


class GivenUp(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    failure_code: Code = "channel_response_code_fail"
    failure_msg: Annotated[str, msgspec.Meta(max_length=255)] = "用户未完成支付 (the customer did not pay)"


class DashboardRefund(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    amount: int | None = None
    description: str = "管理平台退款 (made in the dashboard)"


class Failure(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    failure_code: Code | None = None


class Settle(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    settle_after: Annotated[float, msgspec.Meta(ge=0, le=86_400)] | None


async def list_charges(request: Request) -> Response:
    world, query = world_of(request), request.query_params
    found = world.store.newest_charges(limit(query, 20, 1_000), query.get("order_no"))
    return json({"charges": found})


async def pay(request: Request) -> Response:
    world, wanted = world_of(request), await read(request, Payment)
    return _kept(world, charges.pay(world, request.path_params["id"], wanted.time_paid))


async def expire(request: Request) -> Response:
    world = world_of(request)
    return _kept(world, charges.expire(world, request.path_params["id"]))


async def give_up(request: Request) -> Response:
    world, wanted = world_of(request), await read(request, GivenUp)
    id_ = request.path_params["id"]
    return _kept(world, charges.give_up(world, id_, wanted.failure_code, wanted.failure_msg))


async def refund_charge(request: Request) -> Response:
    world, wanted = world_of(request), await read(request, DashboardRefund)
    return _kept(world, refund_in_dashboard(world, request.path_params["id"], wanted))


def refund_in_dashboard(world: World, id_: str, wanted: DashboardRefund) -> Object:
    """A person refunds in the dashboard; the merchant's system has not asked for it."""
    charge = world.store.charge(id_)
    if charge is None:
        raise Problem(404, "not_found", f"There is no charge {id_}.")
    try:
        return refunds.create(world, id_, msgspec.to_builtins(wanted), livemode=charge["livemode"])
    except Refused as no:
        status, code = (400, "invalid") if no.status == 400 else (409, "not_refundable")
        raise Problem(status, code, f"{no.error['message']}.") from no


async def list_refunds(request: Request) -> Response:
    world = world_of(request)
    found = world.store.newest_refunds(limit(request.query_params, 20, 1_000))
    return json({"refunds": found, "settle_after": world.settling.after})


async def put_refunds(request: Request) -> Response:
    world, wanted = world_of(request), await read(request, Settle)
    world.settling.after = wanted.settle_after
    return json({"settle_after": world.settling.after})


async def succeed_refund(request: Request) -> Response:
    world = world_of(request)
    return _kept(world, refunds.decide(world, request.path_params["id"], succeeded=True))


async def fail_refund(request: Request) -> Response:
    world, wanted = world_of(request), await read(request, Failure)
    id_ = request.path_params["id"]
    return _kept(world, refunds.decide(world, id_, succeeded=False, failure_code=wanted.failure_code))


ROUTES: list[BaseRoute] = [
    Route("/sandbox/charges", list_charges),
    Route("/sandbox/charges/{id}/pay", pay, methods=["POST"]),
    Route("/sandbox/charges/{id}/expire", expire, methods=["POST"]),
    Route("/sandbox/charges/{id}/give_up", give_up, methods=["POST"]),
    Route("/sandbox/charges/{id}/refunds", refund_charge, methods=["POST"]),
    Route("/sandbox/refunds", list_refunds),
    Route("/sandbox/refunds", put_refunds, methods=["PUT"]),
    Route("/sandbox/refunds/{id}/succeed", succeed_refund, methods=["POST"]),
    Route("/sandbox/refunds/{id}/fail", fail_refund, methods=["POST"]),
]


def _kept(world: World, done: Object) -> Response:
    world.store.commit()
    return json(done)
