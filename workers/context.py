"""What the jobs of one worker process work with, built once at its start."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from payments.books.next_check import BY_DEFAULT, Schedule
from payments.pingpp.gateway import Gateway
from payments.store import Store


@dataclass(frozen=True, slots=True)
class Context:
    """`apps` empty: any app is ours. `stopping` is set when the process was asked to end: begin nothing new."""

    store: Store
    livemode: bool
    apps: frozenset[str]
    order_key: str
    keep_bodies_s: int
    gateway: Callable[[], Gateway]
    sweep_every: Mapping[str, float] = field(default_factory=dict)  # seconds, by kind of sweep; 0: never
    adopt: bool = True  # whether charges that a sweep finds and nobody told us of are taken under care
    schedule: Schedule = BY_DEFAULT  # of the checks of what nobody waits for
    stopping: threading.Event = field(default_factory=threading.Event)
