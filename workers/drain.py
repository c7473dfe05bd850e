"""A drain: the claims that one job makes on its due set, until nothing is due, time is up, or the process is
to end.

The rules are the same for all kinds of work, because the promises of docs/reliability.md depend on them. The
first claim unsets the bell. In every second claim, members that were tried before come first, so that neither
these nor new ones wait for ever. A drain that ends before its work is done rings the bell again.
"""

import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from payments import bell, due
from payments.due import Claim
from payments.taking.desk import Desk
from workers.context import Context

FOR_S = 30.0  # how long it goes on before RQ takes over again; well below the timeout of its job


@dataclass(slots=True)
class Drain:
    """Iterate over it to get claims."""

    context: Context
    due_set: str
    #: members at once
    most: int
    for_s: float = FOR_S
    #: members of earlier claims that the caller still works on: they count towards `most`, and while there
    #: are any, a claim without members is not the end
    under_way: Collection[object] = ()
    #: members so far
    claimed: int = 0
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.for_s

    @property
    def over(self) -> bool:
        """Whether nothing new may begin: time is up, or the process is to end."""
        return self.context.stopping.is_set() or time.monotonic() >= self._until

    def __iter__(self) -> Iterator[Claim]:
        first, tried_first = True, False
        while not self.over:
            room = self.most - len(self.under_way)
            claim = due.claim(self.context.store, self.due_set, room, first=first, tried_first=tried_first)
            first, tried_first = False, not tried_first
            if not claim.members and not self.under_way:
                return
            self.claimed += len(claim.members)
            yield claim
        bell.ring_if_due(self.context.store, self.due_set)

    @asynccontextmanager
    async def desk(self) -> AsyncIterator[Desk]:
        """A desk for the length of this drain, with connections to Ping++ of its own."""
        context = self.context
        async with context.gateway() as gateway:
            yield Desk(context.store, gateway, context.livemode, context.order_key, context.schedule)
