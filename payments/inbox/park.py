"""Parks odd events: moves them to the asks, because asking Ping++ inside a batch of events could take long."""

from payments.keys import ASKS, EVENTS
from payments.scripts import script
from payments.store import Store

_park = script(__file__, "park")


def park(store: Store, events: list[tuple[str, str]]) -> int:
    """Move events, given as (member, what is odd), to the asks. Returns how many were still there to move."""
    names = [store.keys.due(EVENTS), store.keys.attempts(EVENTS), store.keys.due(ASKS)]
    arguments: list[str] = []
    for member, odd in events:
        names.append(store.keys.event(member))
        arguments += (member, odd)
    return int(_park(store.client, names, arguments))
