"""The inbox keeps a webhook before it answers, tells a duplicate from a variant, and says so where it could not."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import pytest
import redis.asyncio
from redis.exceptions import ResponseError
from structlog.testing import capture_logs

from payments.inbox import accept
from payments.inbox.accept import Inbox, NotStored, Stored
from payments.keys import EVENTS
from payments.members import variant
from payments.pingpp.event import digest
from payments.store import Store
from processes.redis_server import Server

pytestmark = pytest.mark.anyio
ONE, OTHER = b'{"id":"evt_1"}', b'{"id":"evt_1","other":1}'


@dataclass
class Heard:
    """What the inbox told of."""

    rings: int = 0
    groups: list[list[tuple[str, Stored]]] = field(default_factory=list)

    def ring(self) -> None:
        self.rings += 1


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
async def inbox(server: Server, store: Store, heard: Heard) -> AsyncIterator[Inbox]:
    async with redis.asyncio.Redis.from_url(server.url) as client:
        made = Inbox(client, store.keys, heard.ring, heard.groups.append, remember_s=3600)
        yield made
        await made.close()


async def test_what_is_answered_is_kept_and_waits(inbox: Inbox, store: Store, heard: Heard) -> None:
    assert await inbox.accept("evt_1:ch_1", ONE) is Stored.NEW
    assert store.client.get("body:evt_1:ch_1") == ONE
    assert store.client.hgetall("event:evt_1:ch_1").keys() == {b"received", b"seen", b"digest"}
    assert 3500 < store.client.ttl("event:evt_1:ch_1") <= 3600
    assert store.client.zrange("due:events", 0, -1) == [b"evt_1:ch_1"]
    assert store.client.lrange("recent_events", 0, -1) == [b"evt_1:ch_1"]
    assert heard == Heard(1, [[("evt_1:ch_1", Stored.NEW)]])


async def test_a_duplicate_is_counted_and_rings_for_nobody(inbox: Inbox, store: Store, heard: Heard) -> None:
    await inbox.accept("evt_1:ch_1", ONE)
    store.client.delete(store.keys.bell(EVENTS))
    assert await inbox.accept("evt_1:ch_1", ONE) is Stored.DUPLICATE
    assert store.client.hget("event:evt_1:ch_1", "seen") == b"2"
    assert heard.rings == 1
    assert store.client.llen("recent_events") == 1


async def test_another_body_is_kept_beside_the_first(inbox: Inbox, store: Store, heard: Heard) -> None:
    beside = variant("evt_1:ch_1", digest(OTHER))
    await inbox.accept("evt_1:ch_1", ONE)
    assert await inbox.accept("evt_1:ch_1", OTHER) is Stored.NEW
    assert (store.client.get("body:evt_1:ch_1"), store.client.get(f"body:{beside}")) == (ONE, OTHER)
    assert await inbox.accept("evt_1:ch_1", OTHER) is Stored.DUPLICATE
    assert [one for group in heard.groups for one in group] == [
        ("evt_1:ch_1", Stored.NEW),
        ("evt_1:ch_1", Stored.VARIANT),
        (beside, Stored.NEW),
        ("evt_1:ch_1", Stored.VARIANT),
        (beside, Stored.DUPLICATE),
    ]


async def test_what_arrives_meanwhile_shares_the_next_call(inbox: Inbox, heard: Heard) -> None:
    stored = [inbox.accept(f"evt_{n}:", ONE) for n in range(300)]
    assert set(await asyncio.gather(*stored)) == {Stored.NEW}
    assert [len(group) for group in heard.groups] == [accept.GROUP, 300 - accept.GROUP]


async def test_a_group_is_bounded_in_bytes_but_for_one_that_is_larger_alone(
    inbox: Inbox, heard: Heard, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(accept, "GROUP_BYTES", 100)
    stored = [inbox.accept(f"evt_{n}:", b"x" * size) for n, size in enumerate((60, 40, 1, 500, 60))]
    await asyncio.gather(*stored)
    assert [len(group) for group in heard.groups] == [2, 1, 1, 1]


async def test_what_redis_refuses_nobody_is_told_to_be_stored(
    inbox: Inbox, store: Store, heard: Heard
) -> None:
    store.client.set(store.keys.due(EVENTS), "another type")
    stored = [inbox.accept(f"evt_{n}:", ONE) for n in range(3)]
    for one in await asyncio.gather(*stored, return_exceptions=True):
        assert isinstance(one, NotStored)
        assert ResponseError.__name__ in str(one)
    assert heard == Heard()
    store.client.delete(store.keys.due(EVENTS))
    assert await inbox.accept("evt_9:", ONE) is Stored.NEW, "and the next is tried anew"


async def test_a_connection_that_died_is_made_again(inbox: Inbox, store: Store) -> None:
    await inbox.accept("evt_1:", ONE)
    for one in store.client.client_list(_type="normal"):
        if one["id"] != str(store.client.client_id()):
            store.client.client_kill_filter(_id=one["id"])
    assert await inbox.accept("evt_2:", ONE) is Stored.NEW


async def test_without_its_replicas_it_is_not_stored(inbox: Inbox) -> None:
    inbox.replicas, inbox.wait_ms = 1, 1
    with pytest.raises(NotStored, match="only 0 of 1 replicas"):
        await inbox.accept("evt_1:", ONE)


async def test_a_mistake_after_the_answer_disturbs_nobody(inbox: Inbox) -> None:
    def broken(_: object) -> None:
        raise RuntimeError

    inbox.accepted = broken
    with capture_logs() as lines:
        assert await inbox.accept("evt_1:", ONE) is Stored.NEW
        assert await inbox.accept("evt_2:", ONE) is Stored.NEW
    assert {line["event"] for line in lines} == {"after accepting"}


async def test_who_has_gone_is_not_told_and_is_stored_all_the_same(inbox: Inbox, store: Store) -> None:
    gone = inbox.accept("evt_1:", ONE)
    gone.cancel()
    await inbox.accept("evt_2:", ONE)
    assert store.client.zcard(store.keys.due(EVENTS)) == 2


async def test_shutting_down_it_finishes_what_has_begun_and_refuses_the_rest(inbox: Inbox) -> None:
    begun = inbox.accept("evt_1:", ONE)
    await inbox.close()
    assert begun.result() is Stored.NEW
    with pytest.raises(NotStored):
        inbox.accept("evt_2:", ONE)
