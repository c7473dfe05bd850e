"""Accepts webhooks: those that arrive while a call to Redis is under way share the next call (group commit).

At low load no request waits: the first one goes at once. A webhook is answered only when Redis has its group
on disk. If the write fails, every request of the group fails, and none is half accepted: accept.lua is
atomic.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

import hiredis
import redis.asyncio
import structlog
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import NoScriptError, RedisError
from redis.exceptions import TimeoutError as RedisTimeoutError

from payments import members
from payments.bell import BELL_MS
from payments.keys import EVENTS, Keys
from payments.pingpp import event
from payments.scripts import script

_accept = script(__file__, "accept")

log = structlog.get_logger()

GROUP = 256  # webhooks in one call at most: some milliseconds of Redis's time
GROUP_BYTES = 4 * 1024 * 1024  # bytes of them at most, because a few huge ones would block Redis for longer
REPLY_WITHIN = 15.0  # seconds
RECENT = 10_000  # events that `events list` can list


class Stored(IntEnum):
    """What became of a webhook, in the numbers of accept.lua."""

    DUPLICATE = 0
    NEW = 1
    VARIANT = 2  # came before with another body


_STATES = tuple(Stored)  # by number: ten times as fast as `Stored(number)`


class NotStored(RuntimeError):
    """The webhook is not on disk, or we cannot know: Ping++ has to send it again."""


@dataclass(slots=True)
class _Webhook:
    member: str
    digest: str
    body: bytes
    stored: asyncio.Future[Stored]

    def as_variant(self) -> "_Webhook":
        return _Webhook(members.variant(self.member, self.digest), self.digest, self.body, self.stored)


@dataclass(slots=True)
class Inbox:
    """Accepts webhooks into Redis, in groups."""

    client: redis.asyncio.Redis
    keys: Keys
    #: called after the answers, when a bell was set for a new event
    ring: Callable[[], None]
    #: called with each group that was stored, as (member, what became of it) pairs, for the log
    accepted: Callable[[list[tuple[str, Stored]]], None]
    #: for how long an event is remembered, in seconds
    remember_s: int
    #: how many replicas must have a group before it is acknowledged
    replicas: int = 0
    #: for how long to wait for them
    wait_ms: int = 1000
    _waiting: list[_Webhook] = field(default_factory=list)
    _task: asyncio.Task[None] | None = None
    _closed: bool = False
    _connection: Any = None

    def accept(
        self, member: str, body: bytes, stored: asyncio.Future[Stored] | None = None
    ) -> asyncio.Future[Stored]:
        """Store a webhook. The future gets its state when the webhook is on disk, else NotStored. `stored` is
        the future to use, where the caller waits for one already. Raises NotStored while the process shuts
        down.
        """
        if self._closed:
            raise NotStored("shutting down")
        if stored is None:
            stored = asyncio.get_running_loop().create_future()
        self._waiting.append(_Webhook(member, event.digest(body), body, stored))
        if self._task is None:
            self._task = asyncio.create_task(self._commit())
        return stored

    async def close(self) -> None:
        """Store what was accepted so far; refuse what comes later."""
        self._closed = True
        if self._task is not None:
            await self._task
        await self._disconnect()

    async def _commit(self) -> None:
        try:
            while self._waiting:
                group = self._next_group()
                try:
                    rings, states = await self._store(group)
                except Exception as error:  # noqa: BLE001  after any error, no request may be told "stored"
                    reason = NotStored(f"{type(error).__name__}: {error}")
                    for webhook in group:
                        if not webhook.stored.done():
                            webhook.stored.set_exception(reason)
                    continue
                for webhook, state in zip(group, states, strict=True):
                    if state is Stored.VARIANT and not members.is_variant(webhook.member):
                        # Kept beside the first under a name of its own: odd, and to be asked about.
                        self._waiting.append(webhook.as_variant())
                    elif not webhook.stored.done():  # the client may have hung up
                        webhook.stored.set_result(state)
                self._after(rings, [(w.member, state) for w, state in zip(group, states, strict=True)])
        finally:
            self._task = None

    def _next_group(self) -> list[_Webhook]:
        n, size = 0, 0
        for webhook in self._waiting[:GROUP]:
            size += len(webhook.body)
            if n and size > GROUP_BYTES:
                break
            n += 1
        group, self._waiting = self._waiting[:n], self._waiting[n:]
        return group

    def _after(self, rings: bool, group: list[tuple[str, Stored]]) -> None:
        try:
            if rings:
                self.ring()
            self.accepted(group)
        except Exception:  # all are stored and answered: a mistake here must not stop the webhooks that wait
            log.exception("after accepting")

    async def _store(self, group: list[_Webhook]) -> tuple[bool, list[Stored]]:
        keys = [self.keys.due(EVENTS), self.keys.bell(EVENTS), self.keys.recent_events]
        arguments: list[Any] = [self.remember_s, BELL_MS, RECENT]
        for webhook in group:
            keys += (self.keys.event(webhook.member), self.keys.body(webhook.member))
            arguments += (webhook.member, webhook.digest, webhook.body)
        try:
            answer = await self._call(keys, arguments)
        except (RedisConnectionError, RedisTimeoutError, TimeoutError, OSError):
            # The connection was broken before, or broke now and the reply is lost. Storing again is harmless.
            # The lost reply may have told us to ring, so ring: one bell too many is harmless too.
            answer = [1, *(await self._call(keys, arguments))[1:]]
        return answer[0] == 1, [_STATES[state] for state in answer[1:]]

    async def _call(self, keys: list[str], arguments: list[Any]) -> list[int]:
        # Packed in one go by hiredis, on a connection kept for it: redis-py's own packing, and taking a
        # connection from the pool, cost more than everything else here.
        connection: Any = self._connection
        try:
            if connection is None:
                pool: Any = self.client.connection_pool
                connection = self._connection = pool.make_connection()
                await connection.connect()
                connection.socket_timeout = None  # `_reply` has one for both ways, which costs less
            given = (len(keys), *keys, *arguments)
            try:
                answer: list[int] = await self._reply(connection, ("EVALSHA", _accept.sha, *given))
            except NoScriptError:
                answer = await self._reply(connection, ("EVAL", _accept.source, *given))
            if self.replicas:
                having = await self._reply(connection, ("WAIT", self.replicas, self.wait_ms))
                if having < self.replicas:
                    raise RedisError(f"only {having} of {self.replicas} replicas have it")  # noqa: TRY301
        except BaseException:
            await self._disconnect()  # a reply may still be under way, and the next call must not read it
            raise
        return answer

    async def _reply(self, connection: Any, command: tuple[Any, ...]) -> Any:
        async with asyncio.timeout(REPLY_WITHIN):
            await connection.send_packed_command(hiredis.pack_command(command), check_health=False)
            return await connection.read_response()

    async def _disconnect(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.disconnect(nowait=True)
