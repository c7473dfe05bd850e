"""Dead letters: what could not be handled waits for a person, with the reason, the evidence and a way on.

The id comes from kind, subject and reason: the same trouble again is the same letter, counted.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any, cast

import redis

from payments.keys import DUE_SETS, Keys
from payments.scripts import script

_bury = script(__file__, "bury")
_retry = script(__file__, "retry")
_discard = script(__file__, "discard")

# The code words, and what each means and asks of a person.
REASONS = {
    "not_json": "The signature is right, but the body is not JSON that can be read, or goes beyond reason (nesting, numbers). "
    "Ask Ping++'s support what they sent.",
    "not_an_event": "The signature is right, but this is not an Event. See the error; show --raw has the body.",
    "bad_event_id": "The event has no id by which it could be told from others. See show --raw.",
    "bad_object_id": "The object of the event has an id that cannot be used. See show --raw.",
    "no_charge": "A charge or refund event that names no charge. See show --raw.",
    "same_event_other_body": "Ping++ sent this event before with another body, and it is about no charge that we "
    "could ask for. The first one was passed through. Compare both, then discard this one.",
    "body_missing": "The body of this event is gone from Redis. Find the payment at Ping++ and replay it there.",
    "attempts_used_up": "Each attempt to handle it failed or killed the worker. See last_error and the workers' log; "
    "retry once the cause is mended.",
    "charge_not_found": "Something about the event was odd, so Ping++ was asked: it knows no such charge. Either it "
    "is of another account or mode, or the event is not true. Nothing was published.",
    "contradicted": "Something about the event was odd, so Ping++ was asked: it says otherwise. Nothing was "
    "published for the event. Compare `claimed` and `found`.",
    "identity_conflict": "Ping++ says of this charge what contradicts our books (see `held` and `found`). What was "
    "published stands. Clear it up with Ping++'s support, then discard.",
    "refunds_unexplained": "More of this charge was given back than Ping++ lists refunds for. Compare in the "
    "dashboard of Ping++, then discard.",
    "malformed": "Ping++ answers with an object that is not shaped like a charge. See last_error.",
    "gateway_refused": "Ping++ refuses to answer (see last_error): is the API key right, and of the right mode? "
    "Retry once that is mended.",
    "not_as_registered": "Ping++ has a charge of this payment with another amount or currency than the merchant "
    "registered (see `found` and `registered`). Nothing was published for it. Find out who made it; refund it at "
    "Ping++ if it was paid, then discard.",
    "attempt_unresolved": "For a whole day it could not be found out what became of a call that creates, reverses or "
    "refunds (see last_error). It was not made again. Retry once Ping++ answers, or look in its dashboard.",
    "sweep_failed": "A comparison of the books with what Ping++ lists failed each time (see last_error): is the app "
    "of PINGPP_APP_IDS right, and of this account? Sweeps of it rest until this is retried or the worker starts anew.",
    "gateway_unreachable": "Ping++ could not be asked for a whole day. Retry once it answers.",
}


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter. Times in ms by Redis's clock; `evidence` holds both sides where there are two."""

    id: str
    kind: str
    reason: str
    member: str
    what: str
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


def kind_of(member: str) -> str:
    """`event`; `webhook`: one without usable ids; `charge`: a question about a charge alone; `attempt`; `sweep`."""
    if member.startswith(("discover:", "reconcile:", "run:")):
        return "sweep"
    return {"~": "webhook", ":": "charge", "+": "attempt"}.get(member[:1], "event")


def letter_id(kind: str, member: str, reason: str) -> str:
    """The id of the letter for this trouble."""
    return "dl_" + blake2b(f"{kind}|{member}|{reason}".encode(), digest_size=8).hexdigest()


def bury(
    client: redis.Redis,
    keys: Keys,
    what: str,
    member: str,
    reason: str,
    *,
    attempts: int,
    about: Mapping[str, str] | None = None,
    last_error: str = "",
    evidence: Mapping[str, Any] | None = None,
) -> str | None:
    """Turn a member of the due set `what` into a dead letter, in one step. Returns its id, or None where the
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
        what,
        "attempts",
        attempts,
    ]
    for name, value in (about or {}).items():
        fields += (name, value)
    fields += ("last_error", last_error[:1000], "evidence", json.dumps(evidence or {}, ensure_ascii=False))
    names = [keys.due(what), keys.attempts(what), keys.dead_letters, keys.dead_letter(id_), keys.body(member)]
    return id_ if _bury(client, names, [member, id_, *fields]) else None


def get(client: redis.Redis, keys: Keys, id_: str) -> DeadLetter | None:
    """The letter of that id, or None."""
    found = cast("dict[bytes, bytes]", client.hgetall(keys.dead_letter(id_)))
    return _read(id_, found) if found else None


def newest(client: redis.Redis, keys: Keys, limit: int) -> Iterator[DeadLetter]:
    """The latest letters, newest trouble first."""
    for raw in cast("list[bytes]", client.zrevrange(keys.dead_letters, 0, limit - 1)):
        letter = get(client, keys, raw.decode())
        if letter:  # ended meanwhile
            yield letter


def count(client: redis.Redis, keys: Keys) -> int:
    """How many letters wait for a person."""
    return int(client.zcard(keys.dead_letters))


def body(client: redis.Redis, keys: Keys, letter: DeadLetter) -> bytes | None:
    """The raw bytes of the webhook, buyers' data included."""
    return cast("bytes | None", client.get(keys.body(letter.member)))


def retry(client: redis.Redis, keys: Keys, letter: DeadLetter) -> bool:
    """Give it back to the due set it came from. False: somebody ended it meanwhile."""
    names = [
        keys.dead_letters,
        keys.dead_letter(letter.id),
        keys.due(letter.what),
        keys.attempts(letter.what),
        keys.body(letter.member),
    ]
    return bool(_retry(client, names, [letter.id, letter.member]))


def discard(client: redis.Redis, keys: Keys, letter: DeadLetter, keep_body_s: int) -> bool:
    """End it; the body stays for the raw retention. False: somebody ended it meanwhile."""
    names = [
        keys.dead_letters,
        keys.dead_letter(letter.id),
        keys.body(letter.member),
        *map(keys.due, DUE_SETS),
    ]
    return bool(_discard(client, names, [letter.id, keep_body_s, letter.member]))


def _read(id_: str, found: Mapping[bytes, bytes]) -> DeadLetter:
    text = {name.decode(): value.decode("utf-8", "replace") for name, value in found.items()}
    numbers = {name: int(text.get(name, "0")) for name in ("attempts", "first_ms", "last_ms", "count")}
    words = {
        name: text.get(name, "")
        for name in (
            "kind",
            "reason",
            "member",
            "what",
            "event_id",
            "event_type",
            "charge_id",
            "order_no",
            "app",
            "last_error",
        )
    }
    return DeadLetter(id_, evidence=json.loads(text.get("evidence", "{}")), **words, **numbers)  # type: ignore[arg-type]
