"""Reads the Event in a webhook (Ping++ docs: Event object), which is identified by its id and its object's
id.

Both ids are needed: samples of Ping++ use one event id for different charges, and with one id payments would
be lost.
"""

import hashlib
import re
from typing import Any

import msgspec

from payments.members import unidentified

_ID = re.compile(r"[A-Za-z0-9_.-]{1,63}")
# Ping++ counts this down between deliveries of one event, so it does not make an event another one.
_PENDING_WEBHOOKS = b'"pending_webhooks"'
_ITS_NUMBER = re.compile(rb"\s*:\s*-?\d+")


class Undecodable(ValueError):
    """The body is signed, but is no event with usable ids; `code` says why."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class _ObjectId(msgspec.Struct):
    id: str | int | None = None


class _DataId(msgspec.Struct):
    object: _ObjectId


class _EventId(msgspec.Struct):
    id: str
    data: _DataId


class Data(msgspec.Struct):
    """`data` of an Event; `object` is the full resource."""

    object: dict[str, Any]


class Event(msgspec.Struct):
    """An Event (Ping++ docs: Event object). `created` is in Unix seconds; `whole` is the event as it came."""

    id: str
    type: str
    data: Data
    livemode: bool | None = None
    created: int | None = None
    whole: dict[str, Any] = {}


_identifier = msgspec.json.Decoder(_EventId)
_MALFORMED = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError)


def identify(body: bytes) -> str:
    """The member of the due set under which an event is known: `<event id>:<object id>`.

    An event without usable ids is known by its bytes, `~<digest>`. It is stored too; a worker makes a dead letter
    of it.
    """
    try:
        event = _identifier.decode(body)
    except _MALFORMED:
        return unidentified(body)
    object_id = "" if event.data.object.id is None else str(event.data.object.id)
    if not _ID.fullmatch(event.id) or not (object_id == "" or _ID.fullmatch(object_id)):
        return unidentified(body)
    return f"{event.id}:{object_id}"


def digest(body: bytes) -> str:
    """A hash of the body without the number in `pending_webhooks`: equal for two deliveries of one event."""
    before, found, after = body.rpartition(_PENDING_WEBHOOKS)
    number = _ITS_NUMBER.match(after) if found else None
    if number:
        body = before + after[number.end() :]
    return hashlib.sha256(body).hexdigest()[:16]


def decode(body: bytes) -> Event:
    """The whole event, checked in every byte. Raises Undecodable."""
    try:
        # Untyped first, because a typed decoder does not check what it skips.
        whole = msgspec.json.decode(body)
    except _MALFORMED as error:
        raise Undecodable("not_json", f"Signed, but not JSON: {type(error).__name__}") from None
    try:
        event = msgspec.convert(whole, Event)
    except msgspec.ValidationError as error:
        raise Undecodable("not_an_event", f"Signed JSON, but not an Event: {error}") from None
    event.whole = whole
    object_id = event.data.object.get("id")
    if not _ID.fullmatch(event.id):
        raise Undecodable(
            "bad_event_id", "The event has no usable id (1 to 63 letters, digits, `_`, `.`, `-`)."
        )
    if object_id is not None and not (
        isinstance(object_id, str | int) and not isinstance(object_id, bool) and _ID.fullmatch(str(object_id))
    ):
        raise Undecodable("bad_object_id", "The object of the event has an id that cannot be used.")
    return event


def app_of(thing: dict[str, Any]) -> str | None:
    """The id of an object's app, which may be expanded; None where the object names none."""
    app = thing.get("app")
    app = app.get("id") if isinstance(app, dict) else app
    return app if isinstance(app, str) and app else None
