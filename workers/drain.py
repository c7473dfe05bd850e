"""A drain: what one job claims from its due set, until nothing is due, or time is up, or the process is to end.

How claims go on is the same for all kinds of work, for the promises of docs/reliability.md hang on it: the first claim unsets the
bell; those that were tried before come first in every second claim, so that neither they nor the fresh ones wait
behind the others; and a drain that ends before its work does rings again, for the bell that woke it is spent.
"""

import time
from collections.abc import AsyncIterator, Collection, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from payments import bell, due
from payments.due import Claim
from payments.taking.desk import Desk
from workers.context import Context

FOR_S = 30.0  # how long it goes on before it lets RQ have a look; well below the timeout of its job


@dataclass(slots=True)
class Drain:
    """Iterate over it to claim up to `most` at once. `under_way` is what the caller works on still of earlier claims: it
    takes from `most`, and while there is any, a claim that brings nothing is handed out too instead of being the end.
    """

    context: Context
    due_set: str
    most: int
    for_s: float = FOR_S
    under_way: Collection[object] = ()
    claimed: int = 0  # members so far
    _until: float = field(init=False)

    def __post_init__(self) -> None:
        self._until = time.monotonic() + self.for_s

    @property
    def over(self) -> bool:
        """Whether nothing new is to be begun: the time is up, or the process is to end."""
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
        """The desk for as long as it lasts, with connections to Ping++ of its own."""
        context = self.context
        async with context.gateway() as gateway:
            yield Desk(context.store, gateway, context.livemode, context.order_key, context.schedule)
