"""Decides what is to be done with an event, before any books are opened. Values in, values out."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from payments import members
from payments.pingpp import event as events
from payments.pingpp import sighting as sightings
from payments.pingpp.event import Event, app_of
from payments.pingpp.sighting import Malformed, Sighting


@dataclass(frozen=True, slots=True)
class Reading:
    """What an event is for. Exactly one of these holds: `dead` (a reason, with `error`), `aside` (a reason),
    `odd` (what is odd, to be asked about), `sighting` (to be folded), or none: it is passed through.
    """

    event: Event | None = None
    dead: str = ""
    error: str = ""
    aside: str = ""
    odd: str = ""
    sighting: Sighting | None = None

    @property
    def about(self) -> dict[str, str]:
        """The ids that it speaks of, as far as they are known, for logs and dead letters."""
        if self.event is None:
            return {}
        found = {"event_id": self.event.id, "event_type": self.event.type}
        if sightings.concerns_ledger(self.event):
            found["charge_id"] = sightings.charge_named_by(self.event) or ""
            found["order_no"] = sightings.order_named_by(self.event) or ""
            found["app"] = app_of(self.event.data.object) or ""
        return {name: value for name, value in found.items() if value}


def read(member: str, body: bytes, received_ms: int, *, livemode: bool, apps: AbstractSet[str]) -> Reading:
    """Read the body of an event that came in as `member`, with the mode and the apps that are ours."""
    try:
        event = events.decode(body)
    except events.Undecodable as error:
        return Reading(dead=error.code, error=str(error))
    aside = others(event, livemode=livemode, apps=apps)
    if aside:
        return Reading(event, aside=aside)
    if not sightings.concerns_ledger(event):
        return Reading(event, dead="same_event_other_body" if members.is_variant(member) else "")
    if sightings.charge_named_by(event) is None:
        return Reading(event, dead="no_charge", error=f"a {event.type} without the id of a charge")
    try:
        sighting = sightings.of_event(event, received_ms)
    except Malformed as error:
        return Reading(event, odd="malformed", error=str(error))
    return Reading(event, odd=_oddity(member, event, sighting, livemode=livemode), sighting=sighting)


def others(event: Event, *, livemode: bool, apps: AbstractSet[str]) -> str:
    """Why an event is somebody else's: of another app, or with its object of the other mode. '' = it is ours."""
    thing = event.data.object
    app, mode = app_of(thing), thing.get("livemode", event.livemode)
    if apps and app is not None and app not in apps:
        return "other_app"
    if mode == event.livemode and isinstance(mode, bool) and mode is not livemode:
        return "other_mode"
    return ""


def _oddity(member: str, event: Event, sighting: Sighting, *, livemode: bool) -> str:
    mode = event.data.object.get("livemode", event.livemode)
    if mode is not event.livemode or mode is not livemode:
        return "livemode_conflict"
    if members.is_variant(member):
        return "same_event_other_body"
    if event.type == "charge.succeeded" and sighting.charge and not sighting.charge.paid:
        return "not_what_its_type_says"
    if event.type == "refund.succeeded" and not sighting.refunds[0].succeeded:
        return "not_what_its_type_says"
    if event.type == "refund.failed" and not sighting.refunds[0].failed:
        return "not_what_its_type_says"
    return ""
