"""Sends one payment through the system and measures when it arrives at each step.

Where Redis notes a time itself, that time counts, so that measuring adds no delay. Other steps are timed by
this process's clock.
"""

import json
import time
from dataclasses import dataclass
from typing import Any

from ops.cli.books import Books
from ops.cli.sandbox_control import NoSandbox, ask
from payments.books.ledger import load_payment

_LOOK_EVERY_S = 0.002


@dataclass(frozen=True, slots=True)
class Sent:
    """The payment that the sandbox made, and the state of clocks and stream before it."""

    event_id: str
    charge_id: str
    order_no: str
    #: ms from the start until the sandbox answered
    answered_ms: float
    #: the start by this process's monotonic clock, in seconds
    began: float
    #: the start by Redis's clock, in ms
    began_redis_ms: float
    #: id of the last entry of the stream before the start
    stream_end: str

    @property
    def member(self) -> str:
        """The name of its event in Redis."""
        return f"{self.event_id}:{self.charge_id}"


@dataclass(slots=True)
class Step:
    """One step on the way of the payment."""

    key: str
    name: str
    #: ms since the start; None: it did not happen
    at_ms: float | None = None
    #: ms since the step before
    ms: float | None = None


def send(books: Books, sandbox_url: str) -> Sent:
    """Have the sandbox make a payment, have it paid, and send the webhook. Raises NoSandbox, SandboxRefused."""
    newest: Any = books.store.client.xrevrange(books.store.keys.fulfilment, count=1)
    seconds, microseconds = books.store.client.time()
    began = time.monotonic()
    answer = ask(sandbox_url, "POST", "/sandbox/trigger", {"type": "charge.succeeded", "count": 1})
    answered = time.monotonic()
    try:
        made = answer["events"][0]
        event_id, charge_id, order_no = made["event_id"], made["object_id"], made["order_no"]
    except (KeyError, IndexError, TypeError):
        raise NoSandbox(f"What answers at {sandbox_url} is no sandbox of this release.") from None
    return Sent(
        event_id=event_id,
        charge_id=charge_id,
        order_no=order_no,
        answered_ms=(answered - began) * 1000,
        began=began,
        began_redis_ms=seconds * 1000 + microseconds / 1000,
        stream_end=newest[0][0].decode() if newest else "0-0",
    )


def observe(books: Books, sent: Sent, within_s: float) -> list[Step]:
    """The steps with their times. The first step without a time is the one that did not happen."""
    steps = [
        Step("sandbox", "paid in the sandbox", sent.answered_ms),
        Step("webhook", "webhook accepted and on disk"),
        Step("message", "message on the fulfilment stream"),
        Step("books", "the books say paid"),
    ]
    until = sent.began + within_s
    steps[1].at_ms = _accepted(books, sent, until)
    message = _published(books, sent, until) if steps[1].at_ms is not None else None
    if message is not None:
        steps[2].at_ms, payment = message
        steps[3].at_ms = _in_the_books(books, sent, payment, until)
    before = 0.0
    for step in steps:
        if step.at_ms is not None:
            # The webhook may arrive before the sandbox answers this command.
            step.at_ms = round(max(step.at_ms, before), 1)
            step.ms = round(step.at_ms - before, 1)
            before = step.at_ms
    return steps


def _accepted(books: Books, sent: Sent, until: float) -> float | None:
    while time.monotonic() < until:
        received: Any = books.store.client.hget(books.store.keys.event(sent.member), "received")
        if received:
            return max(0.0, int(received) - sent.began_redis_ms)
        time.sleep(_LOOK_EVERY_S)
    return None


def _published(books: Books, sent: Sent, until: float) -> tuple[float, str] | None:
    """When its message was added, and the name of its payment."""
    last = sent.stream_end
    while time.monotonic() < until:
        entries: Any = books.store.client.xrange(books.store.keys.fulfilment, min=f"({last}", count=500)
        for entry_id, fields in entries:
            last = entry_id.decode()
            message = _of_charge(fields.get(b"event", b""), sent.charge_id)
            if message:
                at_ms = int(last.partition("-")[0]) - sent.began_redis_ms
                return max(0.0, at_ms), str(message["partitionkey"])
        if not entries:
            time.sleep(_LOOK_EVERY_S)
    return None


def _of_charge(message: bytes, charge_id: str) -> dict[str, Any] | None:
    if charge_id.encode() not in message:
        return None
    event: dict[str, Any] = json.loads(message)
    right = event["type"] == "pingpp.payment.paid" and event["data"]["charge"]["id"] == charge_id
    return event if right else None


def _in_the_books(books: Books, sent: Sent, payment: str, until: float) -> float | None:
    while time.monotonic() < until:
        held = load_payment(books.store, payment)
        if held and held.status == "paid" and held.charge(sent.charge_id):
            return (time.monotonic() - sent.began) * 1000
        time.sleep(_LOOK_EVERY_S)
    return None
