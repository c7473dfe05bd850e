"""The world: everything that a running sandbox works with, built at its start."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Coroutine
from dataclasses import dataclass, field
from typing import Any

import httpx
from cryptography.hazmat.primitives.asymmetric import rsa

from sandbox.chaos import Chaos, Lots
from sandbox.clock import Clock
from sandbox.fate import Fates
from sandbox.settings import Settings
from sandbox.store import Store
from sandbox.webhooks import keys
from sandbox.webhooks.lines import Lines
from sandbox.webhooks.outbox import Outbox
from sandbox.webhooks.sender import Sender


@dataclass
class Settling:
    """Seconds for which a refund without a decision stays pending; None: until a control call decides."""

    after: float | None = 1.0


@dataclass(frozen=True)
class World:
    key: rsa.RSAPrivateKey
    merchant_key: rsa.RSAPublicKey | None
    store: Store
    outbox: Outbox
    clock: Clock
    sender: Sender
    lots: Lots
    fates: Fates = field(default_factory=Fates)
    settling: Settling = field(default_factory=Settling)
    refunds_changed: asyncio.Event = field(default_factory=asyncio.Event)
    jobs: set[asyncio.Task[None]] = field(default_factory=set)

    def now(self) -> float:
        """The time (Unix seconds) that dates all objects and decides what has expired."""
        return self.clock.wall()

    def run_clock(self, *, scale: float | None = None, advance: float = 0.0) -> None:
        if scale is not None:
            self.clock.run_at(scale)
        self.clock.advance(advance)
        self.store.save_clock(self.clock)
        self.store.commit()
        self.sender.look_again()
        self.refunds_changed.set()

    def start(self, job: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a job in the background until it ends, or until the sandbox stops or is reset."""
        task = asyncio.create_task(job)
        self.jobs.add(task)
        task.add_done_callback(self.jobs.discard)
        return task

    def reset(self) -> None:
        for job in self.jobs:
            job.cancel()
        self.fates.forget()
        self.lots.set(Chaos())
        self.settling.after = Settling.after
        self.clock.set_right()
        self.store.save_clock(self.clock)
        self.sender.forget()
        self.outbox.empty()
        self.store.empty("refunds", "charges")
        self.store.commit()
        self.refunds_changed.set()


@contextlib.asynccontextmanager
async def opened(
    settings: Settings, transport: httpx.AsyncBaseTransport | None = None
) -> AsyncIterator[World]:
    """A world that sends its webhooks. In tests `transport` takes them in place of the network."""
    key = keys.load_or_make(settings.directory)
    file = settings.sandbox_merchant_public_key_file
    merchant_key = None if file is None else keys.read_merchant_key(file)
    store = Store(settings.directory / "sandbox.sqlite")
    outbox = Outbox(store)
    clock = store.clock()
    lines = Lines(transport)
    lots = Lots()
    sender = Sender(
        url=settings.webhook_url, key=key, store=store, outbox=outbox, clock=clock, lines=lines, lots=lots
    )
    world = World(key, merchant_key, store, outbox, clock, sender, lots)
    # The clock is stored at once, because it must go on from here after a restart.
    store.save_clock(clock)
    store.commit()
    try:
        yield world
    finally:
        for job in list(world.jobs):
            job.cancel()
        await asyncio.gather(*world.jobs, return_exceptions=True)
        await sender.finish(within=2)
        await lines.close()
        store.save_clock(clock)
        store.close()
