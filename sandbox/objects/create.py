"""Makes charges: checks the body of POST /v1/charges, and makes the charge or finds the equal one."""

import ipaddress
import re
from typing import Any

from sandbox import ids
from sandbox.objects import scan
from sandbox.objects.channels import CHANNELS, Channel
from sandbox.refusals import Object, invalid, not_possible
from sandbox.world import World

_SAME = ("amount", "subject", "body", "app", "livemode")


def create(world: World, params: Object, *, livemode: bool) -> Object:
    order = _checked(world, params)
    channel = CHANNELS[order["channel"]]
    if (first := _repeated(world, order, channel, livemode=livemode)) is not None:
        return first
    charge = new_charge(world, order, livemode=livemode)
    if channel.credential is None:
        return scan.scanned(world, charge)
    world.store.save_charge(charge)
    return charge


def new_charge(world: World, order: Object, *, livemode: bool, id_: str | None = None) -> Object:
    channel, now = CHANNELS[order["channel"]], int(world.now())
    id_ = id_ or ids.new_id("ch")
    charge: Object = {
        "id": id_,
        "object": "charge",
        "created": now,
        "livemode": livemode,
        "paid": False,
        "refunded": False,
        "reversed": False,
        "app": order["app"],
        "channel": order["channel"],
        "order_no": order["order_no"],
        "client_ip": order["client_ip"],
        "amount": order["amount"],
        "amount_settle": order["amount"],
        "currency": order["currency"],
        "subject": order["subject"],
        "body": order["body"],
        "extra": dict(order.get("extra") or {}),
        "time_paid": None,
        "time_expire": order.get("time_expire") or now + channel.expires,
        "time_settle": None,
        "transaction_no": None,
        "refunds": {"object": "list", "url": f"/v1/charges/{id_}/refunds", "has_more": False, "data": []},
        "amount_refunded": 0,
        "failure_code": None,
        "failure_msg": None,
        "metadata": order.get("metadata") or {},
        "credential": {},
        "description": order.get("description"),
    }
    if channel.credential is not None:
        charge["credential"] = {"object": "credential", order["channel"]: channel.credential(charge)}
    return charge


def _repeated(world: World, order: Object, channel: Channel, *, livemode: bool) -> Object | None:
    """The first charge of an equal create. Ping++ docs: within a time window it is returned; there is no other key."""
    wanted = {**order, "livemode": livemode}
    for charge in world.store.charges_of_order(order["order_no"], order["channel"]):
        if charge["app"] != order["app"] or charge["livemode"] != livemode:
            continue
        same = all(charge[name] == wanted[name] for name in _SAME)
        if same and world.now() - charge["created"] < channel.repeat_window:
            return charge
        if channel.order_no_once:
            raise not_possible("charge_order_no_used", f"order_no {order['order_no']} was used before")
    return None


def _checked(world: World, params: Object) -> Object:
    channel_name = _text(params, "channel", 1, 32)
    channel = CHANNELS.get(channel_name)
    if channel is None:
        raise invalid("channel", f"channel {channel_name} is not one that the sandbox knows")
    app = params.get("app")
    if not isinstance(app, dict) or not isinstance(app.get("id"), str) or not app["id"]:
        raise invalid("app[id]", 'app must be given as {"id": "app_..."}')
    checked = {
        "app": app["id"],
        "channel": channel_name,
        "order_no": _text(params, "order_no", *channel.order_no),
        "amount": _amount(params),
        "currency": _currency(params, channel),
        "client_ip": _client_ip(params),
        "subject": _text(params, "subject", 1, 32),
        "body": _text(params, "body", 1, 128),
        "extra": _extra(params, channel),
        "metadata": metadata(params),
        "time_expire": _time_expire(world, params, channel),
        "description": None,
    }
    if channel_name.startswith("upacp") and len(checked["subject"].encode()) > 32:
        # Ping++ docs: UnionPay counts bytes.
        raise invalid("subject", "subject may have 32 bytes on this channel")
    if params.get("description") is not None:
        checked["description"] = _text(params, "description", 0, 255)
    return checked


def _text(params: Object, name: str, least: int, most: int) -> str:
    value = params.get(name)
    if value is None:
        raise invalid(name, f"{name} is required")
    if not isinstance(value, str) or not least <= len(value) <= most:
        raise invalid(name, f"{name} must be a string of {least} to {most} characters")
    return value


def _amount(params: Object) -> int:
    amount = as_integer(params.get("amount"))
    if amount is None or amount <= 0:
        raise invalid("amount", "amount must be an integer above 0")
    return amount


def as_integer(value: Any) -> int | None:
    # The guide's PHP samples send numbers as strings of digits.
    if isinstance(value, str) and re.fullmatch(r"[0-9]{1,15}", value):
        return int(value)
    # Beyond 2^53 some readers of JSON round the number.
    exact = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= 2**53
    return value if exact else None


def _currency(params: Object, channel: Channel) -> str:
    currency = params.get("currency")
    if not isinstance(currency, str) or not re.fullmatch(r"[a-z]{3}", currency):
        raise invalid("currency", "currency must be three lower-case letters")
    if channel.home and currency != "cny":
        raise invalid("currency", "currency must be cny on this channel")
    return currency


def _client_ip(params: Object) -> str:
    value = _text(params, "client_ip", 1, 64)
    try:
        ipaddress.ip_address(value)
    except ValueError as error:
        raise invalid("client_ip", "client_ip must be an IPv4 or IPv6 address") from error
    return value


def _extra(params: Object, channel: Channel) -> Object:
    extra = params.get("extra") or {}
    if not isinstance(extra, dict):
        raise invalid("extra", "extra must be an object")
    for name in channel.required:
        if extra.get(name) in (None, "", []):
            raise invalid(f"extra[{name}]", f"extra[{name}] is required on this channel")
    for name, form in channel.forms.items():
        if extra.get(name) is not None and not form.fits(extra[name]):
            raise invalid(f"extra[{name}]", f"extra[{name}] must be {form.words}")
    return extra


def metadata(params: Object) -> Object:
    value = params.get("metadata") or {}
    if not isinstance(value, dict):
        raise invalid("metadata", "metadata must be an object")
    if len(value) > 20 or sum(len(key) + len(str(one)) for key, one in value.items()) > 1000:
        raise invalid("metadata", "metadata may have 20 pairs and 1000 characters")
    return value


def _time_expire(world: World, params: Object, channel: Channel) -> int | None:
    if params.get("time_expire") is None:
        return None
    value, now = as_integer(params["time_expire"]), world.now()
    # Ping++ docs: at least a minute ahead. Some seconds are allowed, because clocks differ.
    if value is None or not now + 55 <= value <= now + channel.expires_most + 5:
        raise invalid("time_expire", f"time_expire must be 60 to {channel.expires_most} seconds ahead")
    return value
