"""Dead letters: what could not be handled waits for a person, with the reason, the evidence and a way on.

The id comes from kind, subject and reason: the same trouble again is the same letter, counted.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

from payments.dead_letters.reasons import REASONS
from payments.keys import DUE_SETS
from payments.members import kind_of
from payments.scripts import script
from payments.store import Store

_bury = script(__file__, "bury")
_retry = script(__file__, "retry")
_discard = script(__file__, "discard")


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. Times in ms by Redis's clock; `evidence` holds both sides where there are two."""

    id: str
    kind: str
    reason: str
    member: str
    due_set: str
    event_id: str = ""
    event_type: str = ""
    charge_id: str = ""
    order_no: str = ""
    app: str = ""
    attempts: int = 0
    last_error: str = ""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    first_ms: int = 0
    last_ms: int = 0
    count: int = 1

    @property
    def explanation(self) -> str:
        """What happened, what it means and what to do, for a person."""
        return REASONS.get(self.reason, "A release of another age wrote this letter.")


def letter_id(kind: str, member: str, reason: str) -> str:
    """The id of the letter for this trouble."""
    return "dl_" + blake2b(f"{kind}|{member}|{reason}".encode(), digest_size=8).hexdigest()


def bury(
    store: Store,
    due_set: str,
    member: str,
    reason: str,
    *,
    attempts: int,
    about: Mapping[str, str] | None = None,
    last_error: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> str | None:
    """Turn a member of the due set `due_set` into a dead letter, in one step. Returns its id, or None where the
    member was done meanwhile. `about` gives event_id, event_type, charge_id, order_no and app as far as they are known.
    """
    kind = kind_of(member)
    id_ = letter_id(kind, member, reason)
    fields: list[str | int] = [
        "kind",
        kind,
        "reason",
        reason,
        "member",
        member,
        "what",
        due_set,
        "attempts",
        attempts,
    ]
    for name, value in (about or {}).items():
        fields += (name, value)
    fields += ("last_error", last_error[:1000], "evidence", json.dumps(evidence or {}, ensure_ascii=False))
    names = [
        store.keys.due(due_set),
        store.keys.attempts(due_set),
        store.keys.dead_letters,
        store.keys.dead_letter(id_),
        store.keys.body(member),
    ]
    return id_ if _bury(store.client, names, [member, id_, *fields]) else None


def get(store: Store, id_: str) -> DeadLetter | None:
    """The letter of that id, or None."""
    found = cast("dict[bytes, bytes]", store.client.hgetall(store.keys.dead_letter(id_)))
    return _read(id_, found) if found else None


def newest(store: Store, limit: int) -> Iterator[DeadLetter]:
    """The latest letters, newest trouble first."""
    for raw in cast("list[bytes]", store.client.zrevrange(store.keys.dead_letters, 0, limit - 1)):
        letter = get(store, raw.decode())
        if letter:  # ended meanwhile
            yield letter


def count(store: Store) -> int:
    """How many letters wait for a person."""
    return int(store.client.zcard(store.keys.dead_letters))


def body(store: Store, letter: DeadLetter) -> bytes | None:
    """The raw bytes of the webhook, buyers' data included."""
    return cast("bytes | None", store.client.get(store.keys.body(letter.member)))


def retry(store: Store, letter: DeadLetter) -> bool:
    """Give it back to the due set it came from. False: somebody ended it meanwhile."""
    names = [
        store.keys.dead_letters,
        store.keys.dead_letter(letter.id),
        store.keys.due(letter.due_set),
        store.keys.attempts(letter.due_set),
        store.keys.body(letter.member),
    ]
    return bool(_retry(store.client, names, [letter.id, letter.member]))


def discard(store: Store, letter: DeadLetter, keep_body_s: int) -> bool:
    """End it; the body stays for the raw retention. False: somebody ended it meanwhile."""
    names = [
        store.keys.dead_letters,
        store.keys.dead_letter(letter.id),
        store.keys.body(letter.member),
        *map(store.keys.due, DUE_SETS),
    ]
    return bool(_discard(store.client, names, [letter.id, keep_body_s, letter.member]))


def _read(id_: str, found: Mapping[bytes, bytes]) -> DeadLetter:
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in found.items()}
    numbers = {name: int(text.get(name, "0")) for name in ("attempts", "first_ms", "last_ms", "count")}
    words = {
        name: text.get(name, "")
        for name in (
            "kind",
            "reason",
            "member",
            "event_id",
            "event_type",
            "charge_id",
            "order_no",
            "app",
            "last_error",
        )
    }
    evidence = json.loads(text.get("evidence", "{}"))
    # In Redis the due set is called `what`, as it was when the first letters were written.
    return DeadLetter(id_, due_set=text.get("what", ""), evidence=evidence, **words, **numbers)  # type: ignore[arg-type]
