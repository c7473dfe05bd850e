"""Puts the receiver together: a Starlette app, its Redis clients, and the bell that it rings after answering."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio
import structlog
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from ingest.health import Readiness, livez
from ingest.log import ReceiverLog
from ingest.settings import ReceiverSettings
from ingest.webhooks import Webhooks
from payments import bell
from payments.inbox import Inbox
from payments.keys import EVENTS, Keys
from payments.signature import KeyRing, UnreadableKey, read_ring
from processes.redis import connect, connect_async

log = structlog.get_logger()


@dataclass(slots=True)
class Bell:
    """Enqueues the job for a bell that was set, with RQ's own API, in a thread: the answers do not wait for it."""

    client: redis.Redis
    ringing: set[asyncio.Task[None]] = field(default_factory=set)

    def ring(self) -> None:
        task = asyncio.get_running_loop().create_task(self._ring())
        self.ringing.add(task)
        task.add_done_callback(self.ringing.discard)

    async def _ring(self) -> None:
        try:
            await asyncio.to_thread(bell.enqueue, self.client, EVENTS)
        except Exception as error:  # noqa: BLE001  nothing is lost: the bell's time ends, and the scheduler rings
            log.warning("bell not rung", error=f"{type(error).__name__}: {error}")


class Receiver(Starlette):
    """The webhooks' endpoint stands before Starlette's layers: it handles its own errors, and they would cost it as
    much as verifying does.
    """

    def __init__(self, webhooks: Webhooks, **more: Any) -> None:
        super().__init__(**more)
        self._webhooks = webhooks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"] in ("/webhooks", "/webhooks/"):
            await self._webhooks(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def read_keys(settings: ReceiverSettings) -> KeyRing:
    """The ring of public keys. Raises UnreadableKey, naming the file."""
    texts = []
    for path in settings.pingpp_public_key_files:
        try:
            texts.append((str(path), path.read_bytes()))
        except OSError as error:
            raise UnreadableKey(f"{path}: {error.strerror}") from None
    return read_ring(texts)


def make_app(settings: ReceiverSettings) -> Starlette:
    """The app. Raises UnreadableKey and RedisNotFound."""
    keys = Keys(settings.key_prefix)
    client = connect_async(settings)
    ringer = Bell(connect(settings))
    receiver_log = ReceiverLog()
    inbox = Inbox(
        client,
        keys,
        ringer.ring,
        receiver_log.stored,
        remember_s=int(settings.keep_events_days * 86_400),
        replicas=settings.redis_wait_replicas,
        wait_ms=settings.redis_wait_ms,
    )
    webhooks = Webhooks(inbox, read_keys(settings), settings.body_timeout, receiver_log.refuse)
    readiness = Readiness(client, settings.key_prefix)

    def reload() -> None:
        try:
            webhooks.ring = read_keys(settings)
        except UnreadableKey as error:
            log.error("keys not read again, the old ones stay", error=str(error))  # noqa: TRY400  the message says it
        else:
            log.info("keys read again", keys=len(webhooks.ring.keys))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        with contextlib.suppress(
            NotImplementedError, ValueError, RuntimeError
        ):  # not in the main thread: tests
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        yield
        await inbox.close()
        await asyncio.gather(*ringer.ringing)
        await client.aclose()
        ringer.client.close()

    routes = [
        Route("/livez", livez),
        Route("/readyz", readiness.readyz),
    ]
    return Receiver(webhooks, routes=routes, lifespan=lifespan)
