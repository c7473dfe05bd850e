"""What the jobs of one worker process work with, built once at its start."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from payments.books.next_check import BY_DEFAULT, Schedule
from payments.pingpp.gateway import Gateway
from payments.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """What the jobs need: Redis, Ping++, and the settings."""

    store: Store
    livemode: bool
    #: our apps; empty: any app is ours
    apps: frozenset[str]
    order_key: str
    #: for how long the bodies of events that are done are kept, in seconds
    keep_bodies_s: int
    #: makes a gateway, one for each drain
    gateway: Callable[[], Gateway]
    #: seconds between sweeps, by kind of sweep; 0: never
    sweep_every: Mapping[str, float] = field(default_factory=dict)
    #: take charges that only a sweep finds under care
    adopt: bool = True
    #: of checks for which no shopper waits
    schedule: Schedule = BY_DEFAULT
    #: set when the process is asked to end: begin nothing new
    stopping: threading.Event = field(default_factory=threading.Event)
