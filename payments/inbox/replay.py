"""Replays: has an event applied again, as long as its body is there and no dead letter holds it."""

from collections.abc import Sequence

from payments.dead_letters.letters import letter_id
from payments.dead_letters.reasons import REASONS
from payments.keys import ASKS, EVENTS
from payments.members import kind_of
from payments.scripts import script
from payments.store import Store

_replay = script(__file__, "replay")


def replay(store: Store, member: str) -> str:
    """Put an event back into the due set, with a new count of attempts. Returns `replayed`; or, where that is
    not possible, `asked` (Ping++ is being asked about it), `dead` (a dead letter holds it) or `gone` (its
    body is).

    A fact that is in the books already changes nothing. An event that is only passed through is published
    once more, with the same id.
    """
    names = [
        store.keys.body(member),
        store.keys.due(EVENTS),
        store.keys.attempts(EVENTS),
        store.keys.due(ASKS),
        store.keys.dead_letters,
        store.keys.event(member),
    ]
    answer: bytes = _replay(store.client, names, [member, *_possible_letters(member)])
    return answer.decode()


def held_by(store: Store, members: Sequence[str]) -> dict[str, str]:
    """The ids of the dead letters that hold these events, by member. One call to Redis."""
    possible = [(member, id_) for member in members for id_ in _possible_letters(member)]
    if not possible:
        return {}
    scores: list[float | None] = store.client.zmscore(store.keys.dead_letters, [id_ for _, id_ in possible])
    return {member: id_ for (member, id_), score in zip(possible, scores, strict=True) if score is not None}


def _possible_letters(member: str) -> list[str]:
    """A letter's id comes from kind, member and reason, so all ids that are possible are known."""
    return [letter_id(kind_of(member), member, reason) for reason in REASONS]
