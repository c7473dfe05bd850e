"""Makes refunds: a refund is pending when it is asked for, and succeeds by itself a moment later."""

import asyncio

from sandbox import ids
from sandbox.objects import charges, events
from sandbox.objects.create import as_integer, metadata
from sandbox.refusals import Object, Problem, invalid, not_found, not_possible
from sandbox.world import World

SHOWN_IN_CHARGE = 10


def create(world: World, charge_id: str, params: Object, *, livemode: bool) -> Object:
    charge = charges.find(world, charge_id, livemode=livemode)
    description = params.get("description")
    if not isinstance(description, str) or not 1 <= len(description) <= 255:
        raise invalid("description", "description is required and may have 255 characters")
    if not charge["paid"] or charge["reversed"]:
        raise not_possible("refund_unexpected_status", "only a paid charge can be refunded")
    left = charge["amount"] - _taken(world.store.refunds_of(charge_id))
    amount = left if params.get("amount") is None else as_integer(params["amount"])
    if left <= 0:
        raise not_possible("refund_unexpected_status", "the charge is refunded in full")
    if amount is None or not 0 < amount <= left:
        raise invalid("amount", f"amount must be an integer from 1 to {left}, which is left to refund")
    refund = new_refund(world, charge, params, amount)
    after = world.settling.after
    world.store.save_refund(refund, settle_at=None if after is None else world.now() + after)
    note_in_charge(world, charge)
    world.refunds_changed.set()
    return refund


def new_refund(world: World, charge: Object, params: Object, amount: int, id_: str | None = None) -> Object:
    funding = params.get("funding_source")
    if funding not in {None, "unsettled_funds", "recharge_funds"}:
        raise invalid("funding_source", "funding_source must be unsettled_funds or recharge_funds")
    extra = params.get("extra") or {}
    if not isinstance(extra, dict):
        raise invalid("extra", "extra must be an object")
    now = int(world.now())
    return {
        "id": id_ or ids.new_id("re"),
        "object": "refund",
        "order_no": f"{ids.day(now)}{ids.digits(12)}",
        "amount": amount,
        "created": now,
        "succeed": False,
        "status": "pending",
        "time_succeed": None,
        "description": params["description"],
        "failure_code": None,
        "failure_msg": None,
        "metadata": metadata(params),
        "charge": charge["id"],
        "charge_order_no": charge["order_no"],
        "transaction_no": None,
        "funding_source": funding,
        "extra": extra,
    }


def find(world: World, charge_id: str, id_: str, *, livemode: bool) -> Object:
    charges.find(world, charge_id, livemode=livemode)
    refund = world.store.refund(charge_id, id_)
    if refund is None:
        raise not_found("refund", id_)
    return refund


def decide(world: World, id_: str, *, succeeded: bool, failure_code: str | None = None) -> Object:
    """Have the channel decide about a pending refund now. Raises Problem."""
    refund = world.store.refund_by_id(id_)
    if refund is None:
        raise Problem(404, "not_found", f"There is no refund {id_}.")
    if refund["status"] != "pending":
        raise Problem(409, "already_ended", f"Refund {id_} has {refund['status']}.")
    return end(world, refund, succeeded=succeeded, failure_code=failure_code)


def as_ended(world: World, refund: Object, *, succeeded: bool, failure_code: str | None = None) -> Object:
    if succeeded:
        number = f"{ids.day(world.now())}{ids.digits(20)}"
        return {
            **refund,
            "succeed": True,
            "status": "succeeded",
            "time_succeed": int(world.now()),
            "transaction_no": number,
        }
    return {
        **refund,
        "status": "failed",
        "failure_code": failure_code or "refund_refused",
        "failure_msg": "渠道拒绝了退款 (refused by the channel)",
    }


def end(
    world: World,
    refund: Object,
    *,
    succeeded: bool,
    failure_code: str | None = None,
    event_id: str | None = None,
) -> Object:
    """Write the channel's decision into the refund and its charge, and send the event."""
    refund = as_ended(world, refund, succeeded=succeeded, failure_code=failure_code)
    world.store.save_refund(refund, settle_at=None)
    charge = world.store.charge(refund["charge"])
    if charge is not None:
        note_in_charge(world, charge)
        type_ = "refund.succeeded" if succeeded else "refund.failed"
        events.emit(world, type_, refund, livemode=charge["livemode"], id_=event_id)
    return refund


async def settle(world: World) -> None:
    """End each pending refund at its time, as long as the sandbox runs."""
    while True:
        world.refunds_changed.clear()
        upcoming = world.store.next_refund()
        wait = None if upcoming is None else upcoming[0] - world.now()
        if upcoming is not None and wait is not None and wait <= 0:
            end(world, upcoming[1], succeeded=True)
            world.store.commit()
            await asyncio.sleep(0)
            continue
        try:
            async with asyncio.timeout(wait):
                await world.refunds_changed.wait()
        except TimeoutError:
            continue


def note_in_charge(world: World, charge: Object) -> None:
    """Ping++ docs: `refunded` is true once any refund exists, even a failed one."""
    known = world.store.refunds_of(charge["id"])
    world.store.save_charge(
        {
            **charge,
            "refunded": bool(known),
            "amount_refunded": sum(one["amount"] for one in known if one["status"] == "succeeded"),
            "refunds": {
                **charge["refunds"],
                "has_more": len(known) > SHOWN_IN_CHARGE,
                "data": known[:SHOWN_IN_CHARGE],
            },
        }
    )


def _taken(known: list[Object]) -> int:
    return sum(one["amount"] for one in known if one["status"] != "failed")
