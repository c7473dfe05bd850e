"""Lists payments, newest first, a page at a time; a cursor stays right while new ones come in."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

import redis.asyncio

from payments.books.ledger import read_held
from payments.books.payment import Payment
from payments.keys import Keys

MOST_LOOKED_AT = 5_000  # payments looked at for one page, where nearly all belong to other apps
_CHUNK = 200


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a payment stands in the sorted set `payments`: by time (ms), then by name."""

    score: int
    member: bytes

    @property
    def cursor(self) -> str:
        return base64.urlsafe_b64encode(b"%d:%b" % (self.score, self.member)).rstrip(b"=").decode()


def read_cursor(cursor: str) -> Place:
    """The place that a cursor stands for. Raises ValueError for what no listing gave out."""
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        text = b""
    found = re.fullmatch(rb"([0-9]{1,15}):(.+)", text, re.DOTALL)
    if found is None:
        raise ValueError("not a cursor of ours")
    return Place(int(found[1]), found[2])


async def page(
    client: redis.asyncio.Redis, keys: Keys, apps: tuple[str, ...], limit: int, before: Place | None
) -> tuple[list[Payment], str | None]:
    """At most `limit` payments of `apps` (empty: of all apps) after `before`, and the cursor of the next
    page.

    The cursor is None on the last page. A page with a cursor may be short: it passed over many of other apps.
    """
    wanted = tuple(app.encode() + b":" for app in apps)
    found: list[Place] = []
    looked_at, num, last = 0, _CHUNK, before
    while True:
        places = await _places(client, keys, last, num)
        reached = last
        for place in places:
            if last is not None and place >= last:
                continue  # of the same millisecond as the last one, and listed already
            reached = place
            if wanted and not place.member.startswith(wanted):
                continue
            if len(found) == limit:
                return await _payments(client, keys, found), found[-1].cursor
            found.append(place)
        if len(places) < num:
            return await _payments(client, keys, found), None
        looked_at += len(places)
        num = 2 * num if reached == last else _CHUNK  # a whole chunk of one millisecond
        last = reached
        if looked_at >= MOST_LOOKED_AT and last is not None:
            return await _payments(client, keys, found), last.cursor


async def _places(client: redis.asyncio.Redis, keys: Keys, last: Place | None, num: int) -> list[Place]:
    highest = "+inf" if last is None else str(last.score)
    rows: list[Any] = await client.zrange(
        keys.payments,
        highest,
        "-inf",
        desc=True,
        byscore=True,
        withscores=True,
        offset=0,
        num=num,
    )
    return [Place(int(score), member) for member, score in rows]


async def _payments(client: redis.asyncio.Redis, keys: Keys, places: list[Place]) -> list[Payment]:
    if not places:
        return []
    names = [place.member.decode() for place in places]
    values: list[Any] = await client.mget([keys.payment(name) for name in names])
    return [
        read_held(name, value).payment for name, value in zip(names, values, strict=True) if value is not None
    ]
