"""The routes of the control calls, under /sandbox."""

import datetime as dt
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from sandbox.control import trigger
from sandbox.control.asked import limit, read, world_of
from sandbox.objects import events
from sandbox.refusals import Object, Problem, json
from sandbox.webhooks import keys
from sandbox.webhooks.outbox import Attempt
from sandbox.world import World

_HELP = Path(__file__).with_name("help.txt").read_text(encoding="utf-8")


class Pace(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    scale: Annotated[float, msgspec.Meta(gt=0, le=1_000_000)] | msgspec.UnsetType = msgspec.UNSET
    advance: Annotated[float, msgspec.Meta(ge=0, le=10 * 365 * 86_400)] | msgspec.UnsetType = msgspec.UNSET


class AnyEvent(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    type: str
    object: dict[str, Any]
    livemode: bool | None = None
    overrides: dict[str, Any] = {}
    omit: list[str] = []


async def deliveries(request: Request) -> Response:
    world, query = world_of(request), request.query_params
    found = world.outbox.attempts(
        event_id=query.get("event_id"), object_id=query.get("object_id"), limit=limit(query, 100, 10_000)
    )
    return json({"deliveries": [_as_json(*one) for one in found], "outstanding": world.sender.outstanding})


async def public_key(request: Request) -> Response:
    return Response(keys.public_pem(world_of(request).key), media_type="application/x-pem-file")


async def get_clock(request: Request) -> Response:
    return _clock(world_of(request))


async def put_clock(request: Request) -> Response:
    world, pace = world_of(request), await read(request, Pace)
    if pace.scale is msgspec.UNSET and pace.advance is msgspec.UNSET:
        raise Problem(400, "invalid", "Give scale, advance, or both.")
    world.run_clock(scale=pace.scale or None, advance=pace.advance or 0.0)
    return _clock(world)


async def start_trigger(request: Request) -> Response:
    return json(trigger.start(world_of(request), await read(request, trigger.Batch)), 202)


async def send_event(request: Request) -> Response:
    world, wanted = world_of(request), await read(request, AnyEvent)
    livemode = wanted.object.get("livemode") is True if wanted.livemode is None else wanted.livemode
    event = events.make(world, wanted.type, wanted.object, livemode=livemode) | wanted.overrides
    event = {name: value for name, value in event.items() if name not in wanted.omit}
    events.send(world, event)
    world.store.commit()
    about = {"type": event.get("type"), "object_id": events.object_id(event)}
    return json({"event_id": event.get("id"), **about}, 202)


async def reset(request: Request) -> Response:
    world_of(request).reset()
    return Response(status_code=204)


async def healthz(_: Request) -> Response:
    return json({"status": "ok"})


async def help_(_: Request) -> Response:
    return PlainTextResponse(_HELP)


ROUTES: list[BaseRoute] = [
    Route("/sandbox/help", help_),
    Route("/sandbox/healthz", healthz),
    Route("/sandbox/public_key.pem", public_key),
    Route("/sandbox/deliveries", deliveries),
    Route("/sandbox/clock", get_clock),
    Route("/sandbox/clock", put_clock, methods=["PUT"]),
    Route("/sandbox/trigger", start_trigger, methods=["POST"]),
    Route("/sandbox/events", send_event, methods=["POST"]),
    Route("/sandbox/reset", reset, methods=["POST"]),
]


def _clock(world: World) -> Response:
    clock = world.clock
    return json({"scale": clock.scale, "advanced": clock.advanced, "now": round(clock.wall(), 3)})


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
