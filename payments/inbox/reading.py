"""Reads an event and decides what is done with it, before any payment is loaded. Values in, values out."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from payments import members
from payments.pingpp import event as events
from payments.pingpp import sighting as sightings
from payments.pingpp.event import Event, app_of
from payments.pingpp.sighting import Malformed, Sighting


@dataclass(frozen=True, slots=True)
class Reading:
    """What is done with an event, by the first that is set of `dead`, `aside`, `odd` and `sighting`. None is
    set: it is passed through.
    """

    #: None: the body could not be read
    event: Event | None = None
    #: it becomes a dead letter, for this reason
    dead: str = ""
    #: what the dead letter, or the log, says beside the reason
    error: str = ""
    #: it is not ours and is kept aside, for this reason
    aside: str = ""
    #: it is odd in this way: Ping++ is asked
    odd: str = ""
    #: it is folded
    sighting: Sighting | None = None

    @property
    def about(self) -> dict[str, str]:
        """The ids that the event names, as far as they are known, for logs and dead letters."""
        if self.event is None:
            return {}
        found = {"event_id": self.event.id, "event_type": self.event.type}
        if sightings.concerns_ledger(self.event):
            found["charge_id"] = sightings.charge_named_by(self.event) or ""
            found["order_no"] = sightings.order_named_by(self.event) or ""
            found["app"] = app_of(self.event.data.object) or ""
        return {name: value for name, value in found.items() if value}


def read(member: str, body: bytes, received_ms: int, *, livemode: bool, apps: AbstractSet[str]) -> Reading:
    """Read the body of the event `member`. `livemode` and `apps` (empty: any) are ours."""
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
    """Why an event is not ours: `other_app`, or `other_mode` (of its object). Empty: it is ours."""
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
