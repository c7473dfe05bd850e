"""What is known of an event that was seen (came in), and how far it is; what is shown of it to an operator."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from payments import due
from payments.inbox import replay
from payments.keys import ASKS, EVENTS
from payments.members import kind_of
from payments.pingpp import event as events
from payments.pingpp import sighting
from payments.store import Store
from payments.times import at_ms, rfc3339

_AT_ONCE = 200  # events looked up in one round trip
_SCAN = 1_000


@dataclass(frozen=True, slots=True)
class SeenEvent:
    """One event, as Redis holds it. Times in ms by Redis's clock; None, or empty, where Redis has forgotten
    it.
    """

    member: str
    #: `pending`: waits to be applied. `asked`: odd, Ping++ is being asked. `dead`: a dead letter holds it.
    #: `kept_aside`: not ours. `done`: in the books and published, passed through, or ended by an operator.
    state: str
    received_ms: int | None
    #: how many times it came
    seen: int
    #: of the body
    digest: str
    #: what was odd about it
    odd: str
    #: why it was kept aside
    aside: str
    #: id of the dead letter that holds it
    letter: str | None
    #: when it is worked on next
    due_ms: float | None
    attempts: int
    last_error: str
    body: bytes | None

    @property
    def event_id(self) -> str | None:
        """None for a webhook without usable ids."""
        return None if kind_of(self.member) == "webhook" else self.member.partition(":")[0]


def recent(store: Store, limit: int) -> Iterator[SeenEvent]:
    """The latest events, newest first."""
    members: Any = store.client.lrange(store.keys.recent_events, 0, limit - 1)
    return look_up(store, [member.decode() for member in members])


def members_of(store: Store, name: str) -> list[str]:
    """The members that an operator may mean by a name; several for an event id that came with several
    objects.
    """
    if ":" in name or kind_of(name) == "webhook":
        known: int = store.client.exists(store.keys.event(name), store.keys.body(name))
        return [name] if known else []
    beginning = store.keys.event("")
    pattern = _without_wildcards(store.keys.event(f"{name}:")) + "*"
    found = {
        key[len(beginning.encode()) :].decode() for key in store.client.scan_iter(match=pattern, count=_SCAN)
    }
    return sorted(found)


def look_up(store: Store, members: Sequence[str]) -> Iterator[SeenEvent]:
    """What is known of each event; one that Redis has forgotten comes with empty fields."""
    for first in range(0, len(members), _AT_ONCE):
        some = list(members[first : first + _AT_ONCE])
        pipeline = store.client.pipeline(transaction=False)
        pipeline.zmscore(store.keys.due(EVENTS), some)
        pipeline.zmscore(store.keys.due(ASKS), some)
        pipeline.hmget(store.keys.attempts(EVENTS), some)
        pipeline.hmget(store.keys.attempts(ASKS), some)
        pipeline.mget([store.keys.body(member) for member in some])
        for member in some:
            pipeline.hmget(store.keys.event(member), ["received", "seen", "digest", "odd", "aside"])
        pending, asked, tried, tried_asking, bodies, *hashes = pipeline.execute()
        letters = replay.held_by(store, some)
        for i, member in enumerate(some):
            received, seen, digest, odd, aside = hashes[i]
            letter = letters.get(member)
            waits = pending[i] if pending[i] is not None else asked[i]
            state = "pending" if pending[i] is not None else "asked" if waits is not None else "done"
            if aside and state == "done":
                state = "kept_aside"
            attempts, _, last_error = due.read_attempts(tried[i] or tried_asking[i])
            yield SeenEvent(
                member=member,
                state="dead" if letter and waits is None else state,
                received_ms=int(received) if received else None,
                seen=int(seen or 0),
                digest=(digest or b"").decode(),
                odd=(odd or b"").decode(),
                aside=(aside or b"").decode(),
                letter=letter,
                due_ms=waits,
                attempts=attempts,
                last_error=last_error,
                body=bodies[i],
            )


def shown(one: SeenEvent) -> dict[str, Any]:
    """An event as JSON, for operators and programs: its ids and how far it is, no buyers' data."""
    return {
        "event_id": one.event_id,
        "object_id": None if one.event_id is None else one.member.partition(":")[2].partition("~")[0] or None,
        "member": one.member,
        **_said(one.body),
        "state": one.state,
        "received_at": at_ms(one.received_ms),
        "seen": one.seen,
        "digest": one.digest or None,
        "odd": one.odd or None,
        "kept_aside": one.aside or None,
        "dead_letter": one.letter,
        "due_at": at_ms(one.due_ms),
        "attempts": one.attempts,
        "last_error": one.last_error or None,
        "body_bytes": None if one.body is None else len(one.body),
    }


def _said(body: bytes | None) -> dict[str, Any]:
    """What the body says, as long as it is there and can be read."""
    said: dict[str, Any] = dict.fromkeys(("type", "created_at", "livemode", "charge_id", "order_no", "app"))
    if body is None:
        return said
    try:
        event = events.decode(body)
    except events.Undecodable as error:
        return said | {"undecodable": error.code}
    said |= {"type": event.type, "created_at": rfc3339(event.created), "livemode": event.livemode}
    if sighting.concerns_ledger(event):
        said["charge_id"] = sighting.charge_named_by(event)
    said |= {"order_no": sighting.order_named_by(event), "app": events.app_of(event.data.object)}
    return said


def _without_wildcards(text: str) -> str:
    return re.sub(r"([*?\[\]\\^-])", r"\\\1", text)
