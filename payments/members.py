"""The grammar of due-set members: how an event, a charge, an attempt or a sweep that waits is named there."""

import hashlib

RUN = "run"  # a sweep that a person asked for


def member_of(report_id: str) -> str:
    """The member of a sweep that a person asked for; `report_id` is the id of its report."""
    return f"{RUN}:{report_id}"


def member_of_charge(charge_id: str) -> str:
    """The member of a charge, which stands for its refunds and its reversal too."""
    return f":{charge_id}"


def member_of_attempt(attempt_id: str, payment: str) -> str:
    """The member of an attempt; `payment` is `<app>:<order_no>`."""
    return f"+{attempt_id}:{payment}"


def read_member(member: str) -> tuple[str, str, str]:
    """(charge id, attempt id, payment) that a member names; empty where it names none."""
    if member.startswith("+"):
        attempt_id, _, payment = member[1:].partition(":")
        return "", attempt_id, payment
    return member[1:], "", ""


def member_of_sweep(kind: str, app: str) -> str:
    """The member of the repeated sweep of an app; `kind` is `discover` or `reconcile`."""
    return f"{kind}:{app}"


def read_sweep(member: str) -> tuple[str, str]:
    """(`discover` or `reconcile`, app) of a repeated sweep; (`run`, report id) of one that a person asked
    for.
    """
    kind, _, of = member.partition(":")
    return kind, of


def event_of(member: str) -> str:
    """The event id in the member of an event; empty where the event has no usable id."""
    return "" if member.startswith("~") else member.partition(":")[0]


def kind_of(member: str) -> str:
    """What a member stands for: `event`, `webhook` (one without usable ids), `charge`, `attempt` or `sweep`."""
    if member.startswith(("discover:", "reconcile:", f"{RUN}:")):
        return "sweep"
    return {"~": "webhook", ":": "charge", "+": "attempt"}.get(member[:1], "event")


def unidentified(body: bytes) -> str:
    """The member of a webhook without usable ids: a hash of its body (bytes)."""
    return "~" + hashlib.blake2b(body, digest_size=16).hexdigest()


def variant(member: str, digest: str) -> str:
    """The member of an event that came again with another body; no id can hold a `~`."""
    return f"{member}~{digest}"


def is_variant(member: str) -> bool:
    """Whether this member stands for an event that had come before with another body."""
    return "~" in member[1:]
