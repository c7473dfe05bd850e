"""The grammar of due-set members: how what waits is named there."""

import hashlib

RUN = "run"  # a sweep that a person asked for


def member_of(report_id: str) -> str:
    """The member of the due set that the run with this report has."""
    return f"{RUN}:{report_id}"


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


def member_of_sweep(kind: str, app: str) -> str:
    """How the sweep of an app that comes again and again is called; `kind` is `discover` or `reconcile`."""
    return f"{kind}:{app}"


def read_sweep(member: str) -> tuple[str, str]:
    """(`discover` or `reconcile`, app) of a sweep that comes again and again; (`run`, report id) of a run."""
    kind, _, of = member.partition(":")
    return kind, of


def event_of(member: str) -> str:
    """The event id in the member of an event; empty where it has no usable one."""
    return "" if member.startswith("~") else member.partition(":")[0]


def kind_of(member: str) -> str:
    """`event`; `webhook`: one without usable ids; `charge`: a question about a charge alone; `attempt`; `sweep`."""
    if member.startswith(("discover:", "reconcile:", f"{RUN}:")):
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
