"""What people and tests tell the sandbox to do, under /sandbox."""

import datetime as dt
from typing import Annotated, Any, TypeVar

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox import charges, events, keys, trigger
from sandbox.outbox import Attempt
from sandbox.refusals import Object, Problem, json
from sandbox.world import World

T = TypeVar("T")

_LISTING = """\
A stand-in for Ping++. Its API is under /v1; any key sk_test_... or sk_live_... will do.

GET  /sandbox/healthz
GET  /sandbox/public_key.pem             what its webhooks are signed with
POST /sandbox/charges/{id}/pay           the customer pays       {"time_paid"?}
GET  /sandbox/deliveries                 what was sent           ?event_id= &object_id= &limit=
GET  /sandbox/clock, PUT                 pace of the repeats     {"scale"}
POST /sandbox/trigger                    payments by themselves  {"type"?, "count"?, "rate"?, "app"?, "livemode"?, "order_prefix"?}
POST /sandbox/events                     any event               {"type", "object", "livemode"?, "overrides"?, "omit"?}
POST /sandbox/reset                      forget everything
"""


class Payment(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    time_paid: Annotated[int, msgspec.Meta(gt=0)] | None = None


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scale: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)]


class AnyEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    object: dict[str, Any]
    livemode: bool | None = None
    overrides: dict[str, Any] = {}
    omit: list[str] = []


async def pay(request: Request) -> Response:
    world, wanted = _world(request), await _read(request, Payment)
    charge = charges.pay(world, request.path_params["id"], wanted.time_paid)
    world.store.commit()
    return json(charge)


async def deliveries(request: Request) -> Response:
    world, query = _world(request), request.query_params
    limit = query.get("limit", "100")
    if not (limit.isascii() and limit.isdigit() and 1 <= int(limit) <= 10_000):
        raise Problem(400, "invalid", "limit must be a number from 1 to 10000.")
    found = world.outbox.attempts(
        event_id=query.get("event_id"), object_id=query.get("object_id"), limit=int(limit)
    )
    return json({"deliveries": [_as_json(*one) for one in found], "outstanding": world.sender.outstanding})


async def public_key(request: Request) -> Response:
    return Response(keys.public_pem(_world(request).key), media_type="application/x-pem-file")


async def get_clock(request: Request) -> Response:
    return json({"scale": _world(request).clock.scale})


async def put_clock(request: Request) -> Response:
    world, pace = _world(request), await _read(request, Pace)
    world.clock.run_at(pace.scale)
    world.store.save_clock(world.clock)
    world.store.commit()
    world.sender.look_again()
    return json({"scale": world.clock.scale})


async def start_trigger(request: Request) -> Response:
    return json(trigger.start(_world(request), await _read(request, trigger.Batch)), 202)


async def send_event(request: Request) -> Response:
    world, wanted = _world(request), await _read(request, AnyEvent)
    livemode = wanted.object.get("livemode") is True if wanted.livemode is None else wanted.livemode
    event = events.make(world, wanted.type, wanted.object, livemode=livemode) | wanted.overrides
    event = {name: value for name, value in event.items() if name not in wanted.omit}
    events.send(world, event)
    world.store.commit()
    about = {"type": event.get("type"), "object_id": events.object_id(event)}
    return json({"event_id": event.get("id"), **about}, 202)


async def reset(request: Request) -> Response:
    _world(request).reset()
    return Response(status_code=204)


async def healthz(_: Request) -> Response:
    return json({"status": "ok"})


async def listing(_: Request) -> Response:
    return PlainTextResponse(_LISTING)


ROUTES: list[BaseRoute] = [
    Route("/sandbox/", listing),
    Route("/sandbox/healthz", healthz),
    Route("/sandbox/public_key.pem", public_key),
    Route("/sandbox/charges/{id}/pay", pay, methods=["POST"]),
    Route("/sandbox/deliveries", deliveries),
    Route("/sandbox/clock", get_clock),
    Route("/sandbox/clock", put_clock, methods=["PUT"]),
    Route("/sandbox/trigger", start_trigger, methods=["POST"]),
    Route("/sandbox/events", send_event, methods=["POST"]),
    Route("/sandbox/reset", reset, methods=["POST"]),
]


def _world(request: Request) -> World:
    world: World = request.app.state.world
    return world


async def _read(request: Request, kind: type[T]) -> T:
    body = await request.body()
    try:
        return msgspec.json.decode(body if body.strip() else b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "invalid", str(error)) from error


def _as_json(event_id: str | None, type_: str | None, object_id: str | None, attempt: Attempt) -> Object:
    at = dt.datetime.fromtimestamp(attempt.at, dt.UTC).isoformat(timespec="milliseconds")
    return {
        "event_id": event_id,
        "type": type_,
        "object_id": object_id,
        "attempt": attempt.number,
        "status": attempt.status,
        "error": attempt.error,
        "at": at.replace("+00:00", "Z"),
        "duration_ms": attempt.duration_ms,
        "state": attempt.state,
    }
