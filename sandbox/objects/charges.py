"""What happens to a charge after it was made: it is paid, or reversed."""

from sandbox import ids
from sandbox.objects import events
from sandbox.objects.channels import CHANNELS, DAY, HOUR, Channel
from sandbox.refusals import Object, Problem, not_found, not_possible
from sandbox.world import World

IN_CHINA = 8 * HOUR  # UTC+8: the wallets' days begin and end by the time in China


def find(world: World, id_: str, *, livemode: bool) -> Object:
    charge = world.store.charge(id_)
    # Ping++ docs: the key decides the mode, and objects of the other mode do not exist for it.
    if charge is None or charge["livemode"] != livemode:
        raise not_found("charge", id_)
    return charge


def pay(world: World, id_: str, time_paid: int | None = None) -> Object:
    """The customer pays, and Ping++ tells the merchant."""
    charge = _open(world, id_)
    if charge["time_expire"] <= world.now():
        raise Problem(409, "expired", f"Charge {id_} has expired.")
    if CHANNELS[charge["channel"]].credential is None and charge["failure_code"] is not None:
        # A QR code can be scanned again, but a code that was shown at the till is used up.
        raise Problem(409, "given_up", f"The customer of charge {id_} has given up.")
    charge = as_paid(world, charge, time_paid)
    world.store.save_charge(charge)
    events.emit_paid(world, charge)
    return charge


def expire(world: World, id_: str) -> Object:
    """Let the charge expire now. Ping++ sends no event about it."""
    charge = _open(world, id_)
    charge = {**charge, "time_expire": min(charge["time_expire"], int(world.now()))}
    world.store.save_charge(charge)
    return charge


def give_up(world: World, id_: str, failure_code: str, failure_msg: str) -> Object:
    """The customer does not type the password, or cannot pay. The charge stays unpaid, and no event is sent."""
    charge = {**_open(world, id_), "failure_code": failure_code, "failure_msg": failure_msg}
    world.store.save_charge(charge)
    return charge


def _open(world: World, id_: str) -> Object:
    """The charge, if it is neither paid nor reversed. Raises Problem."""
    charge = world.store.charge(id_)
    if charge is None:
        raise Problem(404, "not_found", f"There is no charge {id_}.")
    if charge["paid"]:
        raise Problem(409, "already_paid", f"Charge {id_} has been paid.")
    if charge["reversed"]:
        raise Problem(409, "reversed", f"Charge {id_} was reversed and can no longer be paid.")
    return charge


def as_paid(world: World, charge: Object, time_paid: int | None = None) -> Object:
    channel, now = CHANNELS[charge["channel"]], world.now()
    number = f"{ids.day(now)}{ids.digits(20)}" if channel.has_transaction_no else None
    return {
        **charge,
        "paid": True,
        "failure_code": None,
        "failure_msg": None,
        "time_paid": int(now) if time_paid is None else time_paid,
        "transaction_no": number,
        "extra": {**charge["extra"], **channel.buyer(charge)},
        "credential": charge["credential"] if channel.keeps_credential else {},
    }


def reverse(world: World, id_: str, *, livemode: bool) -> Object:
    """Reverse a charge. Ping++ docs: an unpaid one is closed; a paid one is given back, if its channel can do so."""
    charge = find(world, id_, livemode=livemode)
    channel = CHANNELS[charge["channel"]]
    if charge["reversed"]:
        return charge
    if channel.reverse == "never":
        raise not_possible("charge_unexpected_status", f"{charge['channel']} charges cannot be reversed")
    if charge["paid"] and not _gives_back(world, charge, channel):
        raise not_possible("charge_unexpected_status", "this charge is paid: it can only be refunded")
    if charge["refunded"]:
        raise not_possible("charge_unexpected_status", "this charge has refunds: it can only be refunded")
    charge = {**charge, "reversed": True, "credential": {}}
    world.store.save_charge(charge)
    return charge


def _gives_back(world: World, charge: Object, channel: Channel) -> bool:
    if channel.reverse != "paid":
        return False
    now, paid_at, within = world.now(), charge["time_paid"], channel.reverse_within
    if isinstance(within, int):
        return bool(now - paid_at < within)
    # UnionPay's day goes from 23:00 to 23:00.
    shift = IN_CHINA + (HOUR if within == "unionpay_day" else 0)
    return bool((now + shift) // DAY == (paid_at + shift) // DAY)
