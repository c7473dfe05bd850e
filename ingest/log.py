"""What the receiver logs: a line for each group that was stored, and, rate-limited, for each refusal.

A line for each accepted webhook would cost more than verifying it.
"""

import time
from collections import Counter

import structlog

from ingest.webhooks import Answer
from payments.inbox.accept import Stored
from payments.members import is_variant, kind_of

LINES_PER_SECOND = 20  # of refusals: whoever knocks with bad signatures must not fill the disk
REMEMBERED = 10_000  # and as many before: latest event ids, to notice that one is used for several objects

log = structlog.get_logger()


class ReceiverLog:
    """Hears of what the inbox stored and of what the endpoint refused."""

    def __init__(self) -> None:
        self.refused: Counter[str] = Counter()
        self._second = 0
        self._lines = 0
        self._suppressed = 0
        self._objects: dict[str, str] = {}
        self._older: dict[str, str] = {}

    def stored(self, group: list[tuple[str, Stored]]) -> None:
        """One line with the ids of the group."""
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
        """One line for each, up to a rate; what was left out is counted in the next one."""
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
        """Samples of Ping++ use one event id for different charges: these are different events, but worth a line."""
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
