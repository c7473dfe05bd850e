"""Keeps charges, refunds, events and deliveries in one SQLite file, also over a restart."""

import sqlite3
from pathlib import Path
from typing import Any

import msgspec

from sandbox.clock import Clock
from sandbox.listing import Filter, Page

Object = dict[str, Any]

# Objects are stored as JSON. Only members that are searched or sorted by have a column of their own.
# AUTOINCREMENT: a number must not be used again after a reset, or a late answer would end a new delivery.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS charges (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, livemode INTEGER NOT NULL, app TEXT NOT NULL,
    created INTEGER NOT NULL, channel TEXT NOT NULL, order_no TEXT NOT NULL, paid INTEGER NOT NULL,
    refunded INTEGER NOT NULL, reversed INTEGER NOT NULL, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS charges_newest ON charges (livemode, app, created, seq);
CREATE INDEX IF NOT EXISTS charges_order ON charges (order_no, channel);
CREATE TABLE IF NOT EXISTS refunds (
    seq INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL UNIQUE, charge TEXT NOT NULL,
    created INTEGER NOT NULL, settle_at REAL, doc BLOB NOT NULL);
CREATE INDEX IF NOT EXISTS refunds_newest ON refunds (charge, created, seq);
CREATE INDEX IF NOT EXISTS refunds_open ON refunds (settle_at) WHERE settle_at IS NOT NULL;
CREATE TABLE IF NOT EXISTS clock (one INTEGER PRIMARY KEY CHECK (one = 1), real REAL, shown REAL, scale REAL);
CREATE TABLE IF NOT EXISTS advanced (one INTEGER PRIMARY KEY CHECK (one = 1), seconds REAL);
"""


class Store:
    """The store. Changes are visible at once and on disk at the next `commit`, which many changes share."""

    def __init__(self, path: Path) -> None:
        self.db = sqlite3.connect(path)
        self.db.execute("PRAGMA journal_mode = WAL")
        # The data must survive a restart of the program, but not a power cut.
        self.db.execute("PRAGMA synchronous = OFF")
        self.db.executescript(_SCHEMA)

    def commit(self) -> None:
        self.db.commit()

    def close(self) -> None:
        self.db.commit()
        self.db.close()

    def save_charge(self, charge: Object) -> None:
        doc = msgspec.json.encode(charge)
        flags = (charge["paid"], charge["refunded"], charge["reversed"])
        changed = self.db.execute(
            "UPDATE charges SET paid = ?, refunded = ?, reversed = ?, doc = ? WHERE id = ?",
            (*flags, doc, charge["id"]),
        )
        if changed.rowcount:
            return
        self.db.execute(
            "INSERT INTO charges (id, livemode, app, created, channel, order_no, paid, refunded, reversed, doc) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            (
                charge["id"],
                charge["livemode"],
                charge["app"],
                charge["created"],
                charge["channel"],
                charge["order_no"],
                *flags,
                doc,
            ),
        )

    def charge(self, id_: str) -> Object | None:
        return self._one("SELECT doc FROM charges WHERE id = ?", (id_,))

    def charges_of_order(self, order_no: str, channel: str) -> list[Object]:
        """Newest first."""
        return self._all(
            "SELECT doc FROM charges WHERE order_no = ? AND channel = ? ORDER BY seq DESC",
            (order_no, channel),
        )

    def newest_charges(self, limit: int, order_no: str | None = None) -> list[Object]:
        where, values = ("1", ()) if order_no is None else ("order_no = ?", (order_no,))
        return self._all(f"SELECT doc FROM charges WHERE {where} ORDER BY seq DESC LIMIT ?", (*values, limit))  # noqa: S608 - our own names

    def save_refund(self, refund: Object, settle_at: float | None) -> None:
        self.db.execute(
            "INSERT INTO refunds (id, charge, created, settle_at, doc) VALUES (?, ?, ?, ?, ?) "
            "ON CONFLICT (id) DO UPDATE SET settle_at = excluded.settle_at, doc = excluded.doc",
            (refund["id"], refund["charge"], refund["created"], settle_at, msgspec.json.encode(refund)),
        )

    def refund(self, charge_id: str, id_: str) -> Object | None:
        return self._one("SELECT doc FROM refunds WHERE id = ? AND charge = ?", (id_, charge_id))

    def refund_by_id(self, id_: str) -> Object | None:
        return self._one("SELECT doc FROM refunds WHERE id = ?", (id_,))

    def refunds_of(self, charge_id: str) -> list[Object]:
        return self._all("SELECT doc FROM refunds WHERE charge = ? ORDER BY seq DESC", (charge_id,))

    def newest_refunds(self, limit: int) -> list[Object]:
        return self._all("SELECT doc FROM refunds ORDER BY seq DESC LIMIT ?", (limit,))

    def next_refund(self) -> tuple[float, Object] | None:
        """The pending refund that ends first, with its time (Unix seconds)."""
        row = self.db.execute(
            "SELECT settle_at, doc FROM refunds WHERE settle_at IS NOT NULL ORDER BY settle_at LIMIT 1"
        ).fetchone()
        return None if row is None else (row[0], msgspec.json.decode(row[1]))

    def page(self, table: str, filters: list[Filter], page: Page) -> tuple[list[Object], bool] | None:
        """One page, newest first, and whether there are more after it; None: the cursor is unknown."""
        where, values = [f"{one.column} {one.operator} ?" for one in filters], [one.value for one in filters]
        order, back = "DESC", page.ending_before is not None
        cursor = page.ending_before or page.starting_after
        if cursor is not None:
            at = self.db.execute(f"SELECT created, seq FROM {table} WHERE id = ?", (cursor,)).fetchone()  # noqa: S608 - our own names
            if at is None:
                return None
            where.append(f"(created, seq) {'>' if back else '<'} (?, ?)")
            values += at
            order = "ASC" if back else "DESC"
        rows = self.db.execute(
            f"SELECT doc FROM {table} WHERE {' AND '.join(where)} ORDER BY created {order}, seq {order} LIMIT ?",  # noqa: S608 - our own names
            (*values, page.limit + 1),
        ).fetchall()
        found = [msgspec.json.decode(doc) for (doc,) in rows[: page.limit]]
        return (found[::-1] if back else found), len(rows) > page.limit

    def save_clock(self, clock: Clock) -> None:
        self.db.execute("INSERT OR REPLACE INTO clock VALUES (1, ?, ?, ?)", clock.state())
        self.db.execute("INSERT OR REPLACE INTO advanced VALUES (1, ?)", (clock.advanced,))

    def clock(self) -> Clock:
        row = self.db.execute("SELECT real, shown, scale FROM clock").fetchone()
        advanced = self.db.execute("SELECT seconds FROM advanced").fetchone() or (0.0,)
        return Clock() if row is None else Clock(*row, *advanced)

    def empty(self, *tables: str) -> None:
        for table in tables:
            self.db.execute(f"DELETE FROM {table}")  # noqa: S608 - our own names

    def _all(self, query: str, values: tuple[Any, ...]) -> list[Object]:
        return [msgspec.json.decode(doc) for (doc,) in self.db.execute(query, values)]

    def _one(self, query: str, values: tuple[Any, ...]) -> Object | None:
        row = self.db.execute(query, values).fetchone()
        if row is None:
            return None
        found: Object = msgspec.json.decode(row[0])
        return found
