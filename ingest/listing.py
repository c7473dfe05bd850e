"""Lists payments, newest first, a page at a time; a cursor stays right while new ones come in."""

import base64
import binascii
import re
from dataclasses import dataclass
from typing import Any

from ingest.api.problems import invalid
from ingest.office import Office
from payments.books.ledger import read_held
from payments.books.payment import Payment
from payments.channels.rules import Problem as Wrong

MOST_LOOKED_AT = 5_000  # for one page, where nearly all are another app's
_CHUNK = 200


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """Where a payment stands in the sorted set: by time (ms), then by name."""

    score: int
    member: bytes

    @property
    def cursor(self) -> str:
        return base64.urlsafe_b64encode(b"%d:%b" % (self.score, self.member)).rstrip(b"=").decode()


def read_cursor(cursor: str | None) -> Place | None:
    """The place that a cursor stands for. Raises Problem."""
    if cursor is None:
        return None
    try:
        text = base64.b64decode(cursor + "=" * (-len(cursor) % 4), b"-_", validate=True)
    except (binascii.Error, ValueError):
        text = b""
    found = re.fullmatch(rb"([0-9]{1,15}):(.+)", text, re.DOTALL)
    if found is None:
        raise invalid([Wrong("cursor", "a next_cursor of an earlier answer")])
    return Place(int(found[1]), found[2])


async def page(
    office: Office, apps: tuple[str, ...], limit: int, before: Place | None
) -> tuple[list[Payment], str | None]:
    """So many payments of these apps (none: of all), and the cursor of those that follow. A page that ends before its
    limit, with a cursor, has passed over many of other apps.
    """
    wanted = tuple(app.encode() + b":" for app in apps)
    found: list[Place] = []
    looked_at, num, last = 0, _CHUNK, before
    while True:
        places = await _places(office, last, num)
        reached = last
        for place in places:
            if last is not None and place >= last:
                continue  # of the same millisecond as the last one, and told already
            reached = place
            if wanted and not place.member.startswith(wanted):
                continue
            if len(found) == limit:
                return await _payments(office, found), found[-1].cursor
            found.append(place)
        if len(places) < num:
            return await _payments(office, found), None
        looked_at += len(places)
        num = 2 * num if reached == last else _CHUNK  # a whole chunk of one millisecond
        last = reached
        if looked_at >= MOST_LOOKED_AT and last is not None:
            return await _payments(office, found), last.cursor


async def _places(office: Office, last: Place | None, num: int) -> list[Place]:
    highest = "+inf" if last is None else str(last.score)
    rows: list[Any] = await office.async_client.zrange(
        office.keys.payments,
        highest,
        "-inf",
        desc=True,
        byscore=True,
        withscores=True,
        offset=0,
        num=num,
    )
    return [Place(int(score), member) for member, score in rows]


async def _payments(office: Office, places: list[Place]) -> list[Payment]:
    if not places:
        return []
    names = [place.member.decode() for place in places]
    values: list[Any] = await office.async_client.mget([office.keys.payment(name) for name in names])
    return [
        read_held(name, value).payment for name, value in zip(names, values, strict=True) if value is not None
    ]
