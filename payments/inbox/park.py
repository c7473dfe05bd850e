"""Moves odd events aside, to be asked about: never inside a batch, for Ping++ may take its time."""

import redis

from payments.keys import ASKS, EVENTS, Keys
from payments.scripts import script

_park = script(__file__, "park")


def park(client: redis.Redis, keys: Keys, events: list[tuple[str, str]]) -> int:
    """Move (member, what is odd) from the events to the asks. Returns how many were still there to move."""
    names = [keys.due(EVENTS), keys.attempts(EVENTS), keys.due(ASKS)]
    arguments: list[str] = []
    for member, odd in events:
        names.append(keys.event(member))
        arguments += (member, odd)
    return int(_park(client, names, arguments))
