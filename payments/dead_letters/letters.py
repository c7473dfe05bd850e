"""Dead letters: work that failed waits for an operator, with the reason, the evidence and what can be done.

The id comes from kind, member and reason. The same trouble again gives the same letter, and is counted in it.
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
    """One dead letter. Times in ms by Redis's clock."""

    id: str
    #: what its member stands for, see `members.kind_of`
    kind: str
    #: a code word of `reasons.REASONS`
    reason: str
    #: its name in the due set that it came from
    member: str
    due_set: str
    event_id: str = ""
    event_type: str = ""
    charge_id: str = ""
    order_no: str = ""
    app: str = ""
    #: attempts before it became a dead letter
    attempts: int = 0
    last_error: str = ""
    #: what Ping++ says and what our books say, as far as both are known
    evidence: Mapping[str, Any] = field(default_factory=dict)
    #: the first and the last time that this trouble came, and how often
    first_ms: int = 0
    last_ms: int = 0
    count: int = 1

    @property
    def explanation(self) -> str:
        """What happened, what it means and what to do, for an operator."""
        return REASONS.get(
            self.reason, "Another release wrote this letter; this one does not know the reason."
        )


def letter_id(kind: str, member: str, reason: str) -> str:
    """The id of the letter for this trouble: the same each time."""
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
    """Turn a member of a due set into a dead letter, in one step. `about` has event_id, event_type,
    charge_id, order_no and app, as far as they are known. Returns the letter's id; None where the member was
    done meanwhile.
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
    """The letter with this id; None: there is none."""
    found = cast("dict[bytes, bytes]", store.client.hgetall(store.keys.dead_letter(id_)))
    return _read(id_, found) if found else None


def newest(store: Store, limit: int) -> Iterator[DeadLetter]:
    """The latest letters, newest trouble first."""
    for raw in cast("list[bytes]", store.client.zrevrange(store.keys.dead_letters, 0, limit - 1)):
        letter = get(store, raw.decode())
        if letter:  # else it was ended meanwhile
            yield letter


def count(store: Store) -> int:
    """How many letters wait for an operator."""
    return int(store.client.zcard(store.keys.dead_letters))


def body(store: Store, letter: DeadLetter) -> bytes | None:
    """The raw body of the webhook (bytes), with buyers' data; None: it is not there (any more)."""
    return cast("bytes | None", store.client.get(store.keys.body(letter.member)))


def retry(store: Store, letter: DeadLetter) -> bool:
    """Give a letter back to the due set that it came from. False: it was ended meanwhile."""
    names = [
        store.keys.dead_letters,
        store.keys.dead_letter(letter.id),
        store.keys.due(letter.due_set),
        store.keys.attempts(letter.due_set),
        store.keys.body(letter.member),
    ]
    return bool(_retry(store.client, names, [letter.id, letter.member]))


def discard(store: Store, letter: DeadLetter, keep_body_s: int) -> bool:
    """End a letter; the webhook's body stays for `keep_body_s` seconds more. False: it was ended meanwhile."""
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
    # In Redis the field of the due set is called `what`, as when the first letters were written.
    return DeadLetter(id_, due_set=text.get("what", ""), evidence=evidence, **words, **numbers)  # type: ignore[arg-type]
