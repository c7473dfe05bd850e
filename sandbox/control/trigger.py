"""Makes payments and sends events about them, so that the merchant has events to receive."""

import asyncio
import itertools
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Annotated

import msgspec

from sandbox import ids
from sandbox.objects import create, events, refunds, samples
from sandbox.objects.charges import as_paid
from sandbox.refusals import Object
from sandbox.world import World

LISTED = 1_000  # the answer lists so many events at most
_CHUNK = 32
_TICK = 0.005
_CHANNELS = itertools.cycle(["alipay_qr", "wx_pub_qr", "upacp_qr"])


class Batch(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    type: Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9_]+(\.[a-z0-9_]+)*$", max_length=100)] = (
        "charge.succeeded"
    )
    count: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    rate: Annotated[float, msgspec.Meta(gt=0)] | None = None
    app: Annotated[str, msgspec.Meta(pattern=r"^app_[A-Za-z0-9_]{1,40}$")] = "app_1Gqj58ynP0mHeX1q"
    livemode: bool = False
    order_prefix: Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_-]{0,12}$")] = ""


@dataclass(frozen=True)
class Planned:
    """The ids of objects, known before they are made."""

    about_id: str
    event_id: str
    order_no: str | None = None
    # For a refund: its charge and the event about the charge, which come first.
    charge_id: str | None = None
    charge_event_id: str | None = None


def start(world: World, batch: Batch) -> Object:
    """Begin to make the payments, and return their ids at once."""
    if batch.count <= LISTED:
        planned = [_plan(world, batch) for _ in range(batch.count)]
        world.start(_run(world, batch, iter(planned)))
        return {"count": batch.count, "events": [one for plan in planned for one in _entries(batch, plan)]}
    first, last = _plan(world, batch), _plan(world, batch)
    between = (_plan(world, batch) for _ in range(batch.count - 2))
    world.start(_run(world, batch, itertools.chain([first], between, [last])))
    return {"count": batch.count, "first": _entries(batch, first)[0], "last": _entries(batch, last)[-1]}


async def _run(world: World, batch: Batch, plans: Iterator[Planned]) -> None:
    began, made = time.monotonic(), 0
    while made < batch.count:
        if batch.rate is not None:
            wanted = int((time.monotonic() - began) * batch.rate) + 1 - made
        else:
            wanted = 0 if world.sender.behind else _CHUNK
        for plan in itertools.islice(plans, max(0, min(wanted, _CHUNK))):
            _make(world, batch, plan)
            made += 1
        world.store.commit()
        await asyncio.sleep(_TICK)


def _plan(world: World, batch: Batch) -> Planned:
    event_id = ids.new_id("evt")
    if not batch.type.startswith(("charge.", "refund.")):
        return Planned(samples.new_object_id(batch.type), event_id)
    order_no = f"{batch.order_prefix}{ids.day(world.now())}{ids.letters(12)}"
    if batch.type.startswith("refund."):
        return Planned(ids.new_id("re"), event_id, order_no, ids.new_id("ch"), ids.new_id("evt"))
    return Planned(ids.new_id("ch"), event_id, order_no)


def _entries(batch: Batch, plan: Planned) -> list[Object]:
    own = {
        "event_id": plan.event_id,
        "type": batch.type,
        "object_id": plan.about_id,
        "order_no": plan.order_no,
    }
    if plan.charge_id is None:
        return [own]
    paid = {"event_id": plan.charge_event_id, "type": "charge.succeeded", "object_id": plan.charge_id}
    return [{**paid, "order_no": plan.order_no}, own]


def _make(world: World, batch: Batch, plan: Planned) -> None:
    now = int(world.now())
    if plan.order_no is None:
        about = samples.make(batch.type, plan.about_id, app=batch.app, livemode=batch.livemode, now=now)
        events.emit(world, batch.type, about, livemode=batch.livemode, id_=plan.event_id)
        return
    charge = _new_charge(world, batch, plan.charge_id or plan.about_id, plan.order_no)
    if batch.type == "charge.failed":
        # Ping++ docs: sent for deductions under a contract.
        charge = {**charge, "failure_code": "channel_request_error", "failure_msg": "余额不足 (no funds)"}
    else:
        charge = as_paid(world, charge)
    world.store.save_charge(charge)
    if plan.charge_id is None:
        events.emit(world, batch.type, charge, livemode=batch.livemode, id_=plan.event_id)
        return
    events.emit(world, "charge.succeeded", charge, livemode=batch.livemode, id_=plan.charge_event_id)
    refund = refunds.new_refund(
        world, charge, {"description": "沙箱退款 Sandbox refund"}, charge["amount"], plan.about_id
    )
    world.store.save_refund(refund, settle_at=None)
    refunds.end(world, refund, succeeded=batch.type != "refund.failed", event_id=plan.event_id)


def _new_charge(world: World, batch: Batch, id_: str, order_no: str) -> Object:
    channel = next(_CHANNELS)
    order = {
        "app": batch.app,
        "channel": channel,
        "order_no": order_no,
        "client_ip": "127.0.0.1",
        "amount": 100,
        "currency": "cny",
        "subject": "沙箱订单 Sandbox order",
        "body": f"测试商品 Sample goods for {order_no}",
        "extra": {"product_id": "Product4Testing"} if channel == "wx_pub_qr" else {},
    }
    return create.new_charge(world, order, livemode=batch.livemode, id_=id_)
