"""Has an event applied again, as long as its body is there and no dead letter holds it."""

from collections.abc import Sequence

import redis

from payments.dead_letters import REASONS, letter_id
from payments.keys import EVENTS, Keys
from payments.scripts import script

_replay = script("replay")


def replay(client: redis.Redis, keys: Keys, member: str) -> bool:
    """Put an event back into the due set, with a new count of attempts. False: its body is gone.

    What is in the books already is found to be known; an event that is only passed through is published once
    more, with the same id.
    """
    names = [keys.body(member), keys.due(EVENTS), keys.attempts(EVENTS)]
    return bool(_replay(client, names, [member]))


def held_by(client: redis.Redis, keys: Keys, members: Sequence[str]) -> dict[str, str]:
    """The dead letters that hold these events, by member. One call, however many letters there are."""
    # A letter's id comes from kind, member and reason, so those that there could be are known.
    possible = [
        (member, letter_id("webhook" if member.startswith("~") else "event", member, reason))
        for member in members
        for reason in REASONS
    ]
    if not possible:
        return {}
    scores: list[float | None] = client.zmscore(keys.dead_letters, [id_ for _, id_ in possible])
    return {member: id_ for (member, id_), score in zip(possible, scores, strict=True) if score is not None}
