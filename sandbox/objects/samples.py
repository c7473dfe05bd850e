"""Makes sample objects for events that are about neither a charge nor a refund."""

from sandbox import ids
from sandbox.refusals import Object

# For the beginning of an event's type: the object's name, and the beginning of its id. It is empty for batches and
# orders, whose ids are digits only.
_KINDS = {
    "summary.": ("app_summary", "sum"),
    "account.summary": ("account_summary", "sum"),
    "transfer": ("transfer", "tr"),
    "batch_transfer": ("batch_transfer", ""),
    "batch_refund": ("batch_refund", ""),
    "red_envelope": ("red_envelope", "red"),
    "customs": ("customs", ""),
    "order": ("order", ""),
    "balance.withdrawal": ("withdrawal", ""),
    "batch_withdrawal": ("batch_withdrawal", ""),
    "royalty_settlement": ("royalty_settlement", ""),
    "recharge": ("recharge", ""),
    "recharge.refund": ("refund", "re"),
    "agreement": ("agreement", ""),
}
_ENDED_WELL = {"succeeded", "available", "sent", "received"}


def new_object_id(type_: str) -> str:
    _, beginning = _kind(type_)
    return ids.new_id(beginning) if beginning else f"2{ids.digits(17)}"


def make(type_: str, id_: str, *, app: str, livemode: bool, now: int) -> Object:
    name, _ = _kind(type_)
    outcome = type_.rpartition(".")[2]
    about: Object = {
        "id": id_,
        "object": name,
        "created": now,
        "livemode": livemode,
        "app": app,
    }
    if name.endswith("summary"):
        return {
            **about,
            "acct_display_name": "示例商户 Example Shop",
            "summary_from": now - now % 86_400 - 86_400,
            "summary_to": now - now % 86_400 - 1,
            "charges_amount": 10_000,
            "charges_count": 100,
        }
    about |= {
        "status": outcome,
        "amount": 100,
        "currency": "cny",
        "description": "沙箱示例 Sandbox sample",
        "metadata": {},
        "time_succeeded": now if outcome in _ENDED_WELL else None,
        "failure_msg": None if outcome in _ENDED_WELL else "渠道拒绝 (refused by the channel)",
    }
    if name in {"order", "recharge"}:
        number = {"merchant_order_no": f"{ids.day(now)}{ids.digits(8)}", "user": "user_001"}
        about |= {**number, "paid": True, "refunded": outcome == "refunded"}
    return about


def _kind(type_: str) -> tuple[str, str]:
    """The entry with the longest fitting beginning. An unknown type is about an object with the name of the type."""
    known = [beginning for beginning in _KINDS if type_.startswith(beginning)]
    if known:
        return _KINDS[max(known, key=len)]
    return type_.partition(".")[0], "obj"
