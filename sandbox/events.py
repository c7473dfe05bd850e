"""Events: what Ping++ wraps around an object to tell the merchant of it."""

from typing import Any

from sandbox import ids
from sandbox.refusals import Object
from sandbox.world import World


def make(world: World, type_: str, about: Object, *, livemode: bool, id_: str | None = None) -> Object:
    """An event without its pending_webhooks, which is a live counter and is put in when it is sent."""
    return {
        "id": id_ or ids.new_id("evt"),
        "created": int(world.now()),
        "livemode": livemode,
        "type": type_,
        "data": {"object": about},
        "object": "event",
        "request": ids.new_id("iar"),
    }


def send(world: World, event: Object) -> None:
    due = world.clock.now()
    world.sender.push(due, world.outbox.add(event, object_id=object_id(event), due=due))


def emit(world: World, type_: str, about: Object, *, livemode: bool, id_: str | None = None) -> Object:
    event = make(world, type_, about, livemode=livemode, id_=id_)
    send(world, event)
    return event


def object_id(event: Object) -> str | None:
    data: Any = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    id_ = about.get("id") if isinstance(about, dict) else None
    return id_ if isinstance(id_, str) else None
