"""The grammar of due-set members: how what waits is named there."""

import hashlib


def member_of(report_id: str) -> str:
    """The member of the due set that the run with this report has."""
    return f"run:{report_id}"


def member_of_charge(charge_id: str) -> str:
    """How the check of a charge, and of its refunds and its reversal, is called in the due sets."""
    return f":{charge_id}"


def member_of_attempt(attempt_id: str, payment: str) -> str:
    """How the check of an attempt is called; `payment` is `<app>:<order_no>`."""
    return f"+{attempt_id}:{payment}"


def read_member(member: str) -> tuple[str, str, str]:
    """(charge id, attempt id, payment) of a member; what it does not name is empty."""
    if member.startswith("+"):
        attempt_id, _, payment = member[1:].partition(":")
        return "", attempt_id, payment
    return member[1:], "", ""


def kind_of(member: str) -> str:
    """`event`; `webhook`: one without usable ids; `charge`: a question about a charge alone; `attempt`; `sweep`."""
    if member.startswith(("discover:", "reconcile:", "run:")):
        return "sweep"
    return {"~": "webhook", ":": "charge", "+": "attempt"}.get(member[:1], "event")


def unidentified(body: bytes) -> str:
    """The member of a body without usable ids."""
    return "~" + hashlib.blake2b(body, digest_size=16).hexdigest()


def variant(member: str, digest: str) -> str:
    """The member of an event that came again with another body; no id can hold a `~`."""
    return f"{member}~{digest}"


def is_variant(member: str) -> bool:
    """Whether this member stands for an event that had come before with another body."""
    return "~" in member[1:]
