"""The consumer groups of the fulfilment stream: how far each has read."""

from typing import Any

from payments.store import Store
from payments.times import at_ms


def groups(store: Store) -> list[dict[str, Any]]:
    """Each group with its consumers. `pending`: messages delivered and not acknowledged. `lag`: messages not
    delivered yet (null: not known). Raises RedisError.
    """
    stream = store.keys.fulfilment
    if not store.client.exists(stream):
        return []
    found = []
    infos: Any = store.client.xinfo_groups(stream)
    for group in infos:
        consumers: Any = store.client.xinfo_consumers(stream, group["name"])
        last = _text(group["last-delivered-id"])
        began = last != "0-0"
        found.append(
            {
                "name": _text(group["name"]),
                "pending": group["pending"],
                "lag": group.get("lag"),
                "last_delivered_id": last,
                "last_delivered_at": at_ms(int(last.partition("-")[0])) if began else None,
                "consumers": [
                    {"name": _text(one["name"]), "pending": one["pending"], "idle_ms": one["idle"]}
                    for one in consumers
                ],
            }
        )
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
