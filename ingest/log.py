"""Writes the receiver's log: one line for each stored group, and one for each refusal, up to a rate.

One line for each accepted webhook would cost more time than verifying it.
"""

import time
from collections import Counter

import structlog

from ingest.webhooks import Answer
from payments.inbox.accept import Stored
from payments.members import is_variant, kind_of

# Lines about refusals: requests with bad signatures must not fill the disk.
LINES_PER_SECOND = 20
# Event ids that are remembered (once more as many are, of those before), to notice one used for several objects.
REMEMBERED = 10_000

log = structlog.get_logger()


class ReceiverLog:
    """Logs what the inbox stored and what the endpoint refused."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._second = 0
        self._lines = 0
        self._suppressed = 0
        self._objects: dict[str, str] = {}
        self._older: dict[str, str] = {}

    def stored(self, group: list[tuple[str, Stored]]) -> None:
        """Log one line with the ids of the group."""
        new = [member for member, stored in group if stored is Stored.NEW]
        again = [member for member, stored in group if stored is Stored.DUPLICATE]
        if new:
            log.info("accepted", events=new, **({"duplicates": again} if again else {}))
        elif again:
            log.info("accepted", duplicates=again)
        for member, stored in group:
            if stored is Stored.VARIANT:
                log.warning("same event, other body", member=member)
        for member in new:
            self._note_reuse(member)

    def refuse(self, answer: Answer, error: str) -> None:
        """Log one line for a refusal, up to a rate; the next line counts those that were left out (`not_shown`)."""
        self.refused[answer.code] += 1
        second = int(time.monotonic())
        if second != self._second:
            self._second, self._lines = second, 0
        self._lines += 1
        if self._lines > LINES_PER_SECOND:
            self._suppressed += 1
            return
        more = {"error": error} if error else {}
        if self._suppressed:
            more["not_shown"] = str(self._suppressed)
            self._suppressed = 0
        say = log.error if answer.status >= 500 else log.warning
        say("refused", outcome=answer.code, status=answer.status, so_far=self.refused[answer.code], **more)

    def _note_reuse(self, member: str) -> None:
        """Log an event id that is used for different objects, as Ping++'s samples do. These are different events."""
        if kind_of(member) == "webhook" or is_variant(member):
            return
        event_id, _, object_id = member.partition(":")
        before = self._older.get(event_id) or self._objects.setdefault(event_id, object_id)
        if before != object_id:
            log.warning(
                "event id used again for another object", event_id=event_id, objects=[before, object_id]
            )
        if len(self._objects) > REMEMBERED:
            self._older, self._objects = self._objects, {}
