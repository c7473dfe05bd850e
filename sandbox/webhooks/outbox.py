"""Keeps the events, their deliveries and the attempts to send them."""

from dataclasses import dataclass
from typing import Any, Literal

import msgspec

from sandbox.store import Store

State = Literal["pending", "delivered", "gave_up"]

# `live_counter`: whether pending_webhooks is written anew at each sending.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS events (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT, type TEXT, object_id TEXT, livemode INTEGER NOT NULL,
    live_counter INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS events_id ON events (id);
CREATE INDEX IF NOT EXISTS events_object ON events (object_id);
CREATE TABLE IF NOT EXISTS deliveries (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, event INTEGER NOT NULL REFERENCES events, tries INTEGER NOT NULL,
    due REAL NOT NULL, state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS deliveries_event ON deliveries (event);
CREATE INDEX IF NOT EXISTS deliveries_pending ON deliveries (due) WHERE state = 'pending';
CREATE TABLE IF NOT EXISTS attempts (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, delivery INTEGER NOT NULL REFERENCES deliveries,
    attempt INTEGER NOT NULL, status INTEGER, error TEXT, at REAL NOT NULL, duration_ms REAL NOT NULL,
    state TEXT NOT NULL);
CREATE INDEX IF NOT EXISTS attempts_delivery ON attempts (delivery);
"""


@dataclass(frozen=True)
class Delivery:
    seq: int
    tries: int
    event_id: str | None
    type: str | None
    object_id: str | None
    live_counter: bool
    doc: bytes

    def body(self, outstanding: int) -> bytes:
        """The event as it is sent now: the same bytes at each try, except the number in pending_webhooks."""
        return with_counter(self.doc, outstanding) if self.live_counter else self.doc


@dataclass(frozen=True)
class Attempt:
    """How one sending ended."""

    number: int
    status: int | None
    error: str | None
    at: float
    duration_ms: float
    state: State


class Outbox:
    def __init__(self, store: Store) -> None:
        self._store = store
        self._db = store.db
        self._db.executescript(_SCHEMA)

    def add(self, event: dict[str, Any], *, object_id: str | None, due: float, copies: int = 1) -> list[int]:
        """Store an event to be sent, and return the numbers of its deliveries."""
        doc = msgspec.json.encode(event)
        id_, type_ = event.get("id"), event.get("type")
        added = self._db.execute(
            "INSERT INTO events (id, type, object_id, livemode, live_counter, doc) VALUES (?, ?, ?, ?, ?, ?)",
            (
                id_ if isinstance(id_, str) else None,
                type_ if isinstance(type_, str) else None,
                object_id,
                event.get("livemode") is True,
                "pending_webhooks" not in event,
                doc,
            ),
        )
        return [self._add_delivery(added.lastrowid, due) for _ in range(copies)]

    def _add_delivery(self, event: int | None, due: float) -> int:
        added = self._db.execute(
            "INSERT INTO deliveries (event, tries, due, state) VALUES (?, 0, ?, 'pending')", (event, due)
        )
        return added.lastrowid or 0

    def event(self, id_: str, *, livemode: bool) -> tuple[bytes, bool] | None:
        """The newest event with this id as it was made, and whether it has a live counter."""
        row = self._db.execute(
            "SELECT doc, live_counter FROM events WHERE id = ? AND livemode = ? ORDER BY seq DESC LIMIT 1",
            (id_, livemode),
        ).fetchone()
        return None if row is None else (row[0], bool(row[1]))

    def pending(self) -> list[tuple[float, int]]:
        return self._db.execute("SELECT due, seq FROM deliveries WHERE state = 'pending'").fetchall()

    def delivery(self, seq: int) -> Delivery | None:
        row = self._db.execute(
            "SELECT d.seq, d.tries, e.id, e.type, e.object_id, e.live_counter, e.doc "
            "FROM deliveries d JOIN events e ON e.seq = d.event WHERE d.seq = ? AND d.state = 'pending'",
            (seq,),
        ).fetchone()
        return None if row is None else Delivery(*row)

    def tried(self, seq: int, attempt: Attempt, due: float) -> None:
        self._db.execute(
            "UPDATE deliveries SET tries = ?, due = ?, state = ? WHERE seq = ?",
            (attempt.number, due, attempt.state, seq),
        )
        self._db.execute(
            "INSERT INTO attempts (delivery, attempt, status, error, at, duration_ms, state) "
            "VALUES (?, ?, ?, ?, ?, ?, ?)",
            (
                seq,
                attempt.number,
                attempt.status,
                attempt.error,
                attempt.at,
                attempt.duration_ms,
                attempt.state,
            ),
        )

    def attempts(
        self, *, event_id: str | None, object_id: str | None, limit: int
    ) -> list[tuple[str | None, str | None, str | None, Attempt]]:
        """The attempts, newest first, each with the event's id, type and object."""
        where, values = ["1"], []
        for column, value in (("e.id", event_id), ("e.object_id", object_id)):
            if value is not None:
                where.append(f"{column} = ?")
                values.append(value)
        rows = self._db.execute(
            "SELECT e.id, e.type, e.object_id, a.attempt, a.status, a.error, a.at, a.duration_ms, a.state "  # noqa: S608 - our own names
            "FROM attempts a JOIN deliveries d ON d.seq = a.delivery JOIN events e ON e.seq = d.event "
            f"WHERE {' AND '.join(where)} ORDER BY a.seq DESC LIMIT ?",
            (*values, limit),
        )
        return [(row[0], row[1], row[2], Attempt(*row[3:])) for row in rows]

    def empty(self) -> None:
        self._store.empty("attempts", "deliveries", "events")


def with_counter(doc: bytes, outstanding: int) -> bytes:
    comma = b"" if doc == b"{}" else b","
    return b'%s%s"pending_webhooks":%d}' % (doc[:-1], comma, outstanding)
