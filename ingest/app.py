"""Puts the receiver together: a Starlette app, its Redis clients, and the bell that it rings after answering."""

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

import redis.asyncio
import structlog
from starlette.applications import Starlette
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from ingest.api.door import MerchantApi
from ingest.checkout import routes as checkout
from ingest.following import Following
from ingest.health import Readiness, livez
from ingest.log import ReceiverLog
from ingest.metrics import Metrics
from ingest.office import Office
from ingest.settings import ReceiverSettings
from ingest.webhooks import Webhooks
from payments import bell
from payments.books.next_check import Schedule
from payments.inbox.accept import Inbox
from payments.keys import EVENTS, Keys
from payments.pingpp.gateway import from_files
from payments.pingpp.pace import Pace
from payments.pingpp.signature import KeyRing, UnreadableKey, read_ring
from payments.store import Store
from payments.taking.desk import Desk
from processes.redis import connect, connect_async

log = structlog.get_logger()


@dataclass(slots=True)
class Bell:
    """Enqueues the RQ job for a bell that was set, in a thread, so that answers do not wait for it."""

    client: redis.Redis
    ringing: set[asyncio.Task[None]] = field(default_factory=set)

    def ring(self) -> None:
        task = asyncio.get_running_loop().create_task(self._ring())
        self.ringing.add(task)
        task.add_done_callback(self.ringing.discard)

    async def _ring(self) -> None:
        try:
            await asyncio.to_thread(bell.enqueue, self.client, EVENTS)
        except Exception as error:  # noqa: BLE001  nothing is lost: the scheduler rings later
            log.warning("bell not rung", error=f"{type(error).__name__}: {error}")


class Receiver(Starlette):
    """The app. Webhooks go past Starlette's layers, which would cost as much as verifying does.

    The endpoint for webhooks handles its own errors.
    """

    def __init__(self, webhooks: Webhooks | None, leave: Callable[[], None], **more: Any) -> None:
        super().__init__(**more)
        self._webhooks = webhooks
        self.leave = leave  # is called when the process shall stop, before it waits for open requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._webhooks and scope["type"] == "http" and scope["path"] in ("/webhooks", "/webhooks/"):
            await self._webhooks(scope, receive, send)
        else:
            await super().__call__(scope, receive, send)


def read_keys(settings: ReceiverSettings) -> KeyRing:
    """The public keys that webhooks may be signed with. Raises UnreadableKey, which names the file."""
    texts = []
    for path in settings.pingpp_public_key_files:
        try:
            texts.append((str(path), path.read_bytes()))
        except OSError as error:
            raise UnreadableKey(f"{path}: {error.strerror}") from None
    return read_ring(texts)


def make_app(settings: ReceiverSettings) -> Receiver:
    """The app with the surfaces that SERVE names. Raises UnreadableKey and RedisNotFound."""
    keys = Keys(settings.key_prefix)
    client = connect_async(settings)
    ringer = Bell(connect(settings))
    store = Store(ringer.client, keys)
    inbox, webhooks = _webhooks(settings, keys, client, ringer)
    readiness = Readiness(client, settings.key_prefix)
    routes: list[BaseRoute] = [
        Route("/livez", livez),
        Route("/readyz", readiness.readyz),
        Route("/metrics", Metrics(store).metrics),
    ]
    following = Following(client, keys)
    desk = _desk(settings, store)
    office = Office(
        store=store,
        async_client=client,
        following=following,
        public_url=settings.shoppers_url,
        apps=settings.pingpp_app_ids,
        tokens=settings.tokens,
        on_paid_late=settings.on_paid_late,
        desk=desk,
    )
    if desk is not None:
        routes.append(MerchantApi(office))
    if "checkout" in settings.serve:
        routes += checkout.routes(office)

    def reload() -> None:
        if webhooks is None:
            return
        try:
            webhooks.ring = read_keys(settings)
        except UnreadableKey as error:
            log.error("keys not read again, the old ones stay", error=str(error))  # noqa: TRY400  the message says it
        else:
            log.info("keys read again", keys=len(webhooks.ring.keys))

    @contextlib.asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        # In tests it is not in the main thread, which alone may handle signals.
        with contextlib.suppress(NotImplementedError, ValueError, RuntimeError):
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, reload)
        async with desk.gateway if desk else contextlib.nullcontext():
            yield
        await following.close()
        if inbox is not None:
            await inbox.close()
        await asyncio.gather(*ringer.ringing)
        await client.aclose()
        ringer.client.close()

    return Receiver(webhooks, following.leave, routes=routes, lifespan=lifespan)


def _desk(settings: ReceiverSettings, store: Store) -> Desk | None:
    """The desk at which the merchant API takes payments; None: the API is not served. Raises UnreadableKey."""
    if "api" not in settings.serve:
        return None
    if settings.api_missing:
        log.warning("the merchant API is not served", not_set=settings.api_missing)
        return None
    pace = Pace(store, settings.gateway_rate, urgent=True)
    gateway = from_files(settings.pingpp_api_base, settings.api_key, settings.pingpp_private_key_file, pace)
    schedule = Schedule(settings.fallback_after, settings.check_gaps)
    return Desk(store, gateway, settings.livemode, settings.order_key, schedule)


def _webhooks(
    settings: ReceiverSettings, keys: Keys, client: redis.asyncio.Redis, ringer: Bell
) -> tuple[Inbox | None, Webhooks | None]:
    if "webhooks" not in settings.serve:
        return None, None
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
    return inbox, Webhooks(inbox, read_keys(settings), settings.body_timeout, receiver_log.refuse)
