"""The routes of Ping++'s API, under /v1."""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec
from starlette.datastructures import QueryParams
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox import listing
from sandbox.api import caller
from sandbox.api.befall import befall
from sandbox.api.unanswered import NoAnswer
from sandbox.listing import Filter
from sandbox.objects import charges, create, refunds
from sandbox.objects.scan import AnswerLost
from sandbox.refusals import Object, Refused, as_response, json, not_found, read_object
from sandbox.world import World


@dataclass(frozen=True)
class Call:
    livemode: bool
    path: dict[str, str]
    query: QueryParams
    body: Object


Answer = Callable[[World, Call], Object]


def create_charge(world: World, call: Call) -> Object:
    return create.create(world, call.body, livemode=call.livemode)


def retrieve_charge(world: World, call: Call) -> Object:
    return charges.find(world, call.path["id"], livemode=call.livemode)


def list_charges(world: World, call: Call) -> Object:
    filters = listing.charge_filters(call.query, livemode=call.livemode, now=world.now())
    return listing.as_list("/v1/charges", world.store.page("charges", filters, listing.page(call.query)))


def reverse_charge(world: World, call: Call) -> Object:
    return charges.reverse(world, call.path["id"], livemode=call.livemode)


def create_refund(world: World, call: Call) -> Object:
    return refunds.create(world, call.path["id"], call.body, livemode=call.livemode)


def retrieve_refund(world: World, call: Call) -> Object:
    return refunds.find(world, call.path["id"], call.path["refund"], livemode=call.livemode)


def list_refunds(world: World, call: Call) -> Object:
    charge = charges.find(world, call.path["id"], livemode=call.livemode)
    found = world.store.page("refunds", [Filter("charge", "=", charge["id"])], listing.page(call.query))
    return listing.as_list(charge["refunds"]["url"], found)


def retrieve_event(world: World, call: Call) -> Object:
    found = world.outbox.event(call.path["id"], livemode=call.livemode)
    if found is None:
        raise not_found("event", call.path["id"])
    event: Object = msgspec.json.decode(found[0])
    return {**event, "pending_webhooks": world.sender.outstanding} if found[1] else event


def _gateway(path: str, method: str, answer: Answer) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            response = await _called(request, answer)
        except Refused as no:
            response = as_response(no)
        # The official Node SDK sends its body when the socket connects, and a socket that is kept alive never connects again.
        if "NodeBindings" in request.headers.get("user-agent", ""):
            response.headers["connection"] = "close"
        return response

    return Route(path, endpoint, methods=[method])


async def _called(request: Request, answer: Answer) -> Response:
    world: World = request.app.state.world
    body = await request.body()
    livemode = caller.livemode(request)
    caller.check_signature(world, request, body)
    content = read_object(body) if request.method == "POST" else {}
    if content is None:
        raise Refused(400, "invalid_request_error", "The request body is not a JSON object")
    call = Call(livemode, request.path_params, request.query_params, content)
    fate = world.fates.take(request.method, request.url.path) or world.lots.fate()
    if fate is None:
        return _carried_out(world, answer, call)
    return await befall(world, fate, request, lambda: _carried_out(world, answer, call))


def _carried_out(world: World, answer: Answer, call: Call) -> Response:
    try:
        return json(answer(world, call))
    except Refused as no:
        return as_response(no)
    except AnswerLost:
        return NoAnswer()
    finally:
        # A refused create can leave a charge behind, which its customer may still pay.
        world.store.commit()


ROUTES: list[BaseRoute] = [
    _gateway("/v1/charges", "POST", create_charge),
    _gateway("/v1/charges", "GET", list_charges),
    _gateway("/v1/charges/{id}", "GET", retrieve_charge),
    _gateway("/v1/charges/{id}/reverse", "POST", reverse_charge),
    _gateway("/v1/charges/{id}/refunds", "POST", create_refund),
    _gateway("/v1/charges/{id}/refunds", "GET", list_refunds),
    _gateway("/v1/charges/{id}/refunds/{refund}", "GET", retrieve_refund),
    _gateway("/v1/events/{id}", "GET", retrieve_event),
]
