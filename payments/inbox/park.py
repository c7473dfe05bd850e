"""Moves odd events aside, to be asked about: never inside a batch, for Ping++ may take its time."""

from payments.keys import ASKS, EVENTS
from payments.scripts import script
from payments.store import Store

_park = script(__file__, "park")


def park(store: Store, events: list[tuple[str, str]]) -> int:
    """Move (member, what is odd) from the events to the asks. Returns how many were still there to move."""
    names = [store.keys.due(EVENTS), store.keys.attempts(EVENTS), store.keys.due(ASKS)]
    arguments: list[str] = []
    for member, odd in events:
        names.append(store.keys.event(member))
        arguments += (member, odd)
    return int(_park(store.client, names, arguments))
