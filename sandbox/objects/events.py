"""Events: what Ping++ wraps around an object to tell the merchant of it."""

from typing import Any

from sandbox import ids
from sandbox.refusals import Object
from sandbox.world import World

LATE = 300.0


def make(world: World, type_: str, about: Object, *, livemode: bool, id_: str | None = None) -> Object:
    """An event without pending_webhooks: this live counter is added at each sending."""
    return {
        "id": id_ or ids.new_id("evt"),
        "created": int(world.now()),
        "livemode": livemode,
        "type": type_,
        "data": {"object": about},
        "object": "event",
        "request": ids.new_id("iar"),
    }


def send(world: World, event: Object, *, copies: int = 1, after: float = 0.0) -> None:
    """Send an event. Each copy is a delivery with its own repeats. `after`: seconds by the clock of the webhooks."""
    due = world.clock.now() + after
    copies += world.lots.copies() - 1
    for delivery in world.outbox.add(event, object_id=object_id(event), due=due, copies=copies):
        world.sender.push(due, delivery)


def emit(world: World, type_: str, about: Object, *, livemode: bool, id_: str | None = None) -> Object:
    event = make(world, type_, about, livemode=livemode, id_=id_)
    send(world, event)
    return event


def emit_paid(world: World, charge: Object) -> None:
    """Ping++ docs: in test mode the charge's metadata can ask for a notification that comes twice, or late."""
    case = None if charge["livemode"] else charge["metadata"].get("pingpp_tc")
    event = make(world, "charge.succeeded", charge, livemode=charge["livemode"])
    send(world, event, copies=2 if case == "001" else 1, after=LATE if case == "002" else 0.0)


def object_id(event: Object) -> str | None:
    data: Any = event.get("data")
    about = data.get("object") if isinstance(data, dict) else None
    id_ = about.get("id") if isinstance(about, dict) else None
    return id_ if isinstance(id_, str) else None
