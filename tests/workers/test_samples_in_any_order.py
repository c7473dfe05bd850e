"""Story: the nine Event samples of the seed document, in many orders: the same end, and a second posting changes nothing."""

import asyncio
import random
from typing import Any

import httpx
import pytest
import redis
import redis.asyncio

from payments.dead_letters import letters
from payments.inbox.accept import Inbox
from payments.pingpp import event
from payments.pingpp.gateway import Gateway
from payments.store import Store
from processes.redis_server import Server
from tests.conftest import messages, sample
from tests.workers.crash import KEYS, context_with, work

CHANNELS = (
    "alipay_qr", "wx_pub_qr", "cb_alipay_qr", "cb_wx_pub_qr", "upacp_qr", "ccb_qr", "isv_qr", "isv_wap", "isv_scan",
)  # fmt: skip


def knows_none(_: httpx.Request) -> httpx.Response:
    return httpx.Response(404, json={"error": {"type": "invalid_request_error", "message": "No such charge"}})


def post_and_work(server: Server, client: redis.Redis, order: list[str], *, at_once: bool) -> None:
    async def post() -> None:
        asynchronous = redis.asyncio.Redis.from_url(server.url)
        inbox = Inbox(asynchronous, KEYS, lambda: None, lambda _: None, remember_s=3600)
        bodies = [sample(channel) for channel in order]
        if at_once:
            await asyncio.gather(*(inbox.accept(event.identify(body), body) for body in bodies))
        else:
            for body in bodies:
                await inbox.accept(event.identify(body), body)
                await asyncio.to_thread(settle)
        await inbox.close()
        await asynchronous.aclose()

    def settle() -> None:
        context = context_with(client)
        transport = httpx.MockTransport(knows_none)
        work(
            type(context)(
                context.store,
                context.livemode,
                context.apps,
                context.order_key,
                context.keep_bodies_s,
                lambda: Gateway("http://pingpp", "sk_live_x", transport=transport),
            )
        )

    asyncio.run(post())
    settle()


def state(client: redis.Redis) -> dict[bytes, Any]:
    """All that is in the books, on the stream and among the dead letters."""
    found: Any = client.keys()
    kept = (b"payment", b"charge:", b"fulfilment", b"dead_letter", b"kept_aside")
    state: dict[bytes, Any] = {}
    for key in found:
        if key.startswith(kept):  # a dump of a hash may change by itself: Redis moves its fields about
            state[key] = client.hgetall(key) if client.type(key) == b"hash" else client.dump(key)
    return state


@pytest.mark.parametrize("at_once", [True, False], ids=["at once", "one by one"])
@pytest.mark.parametrize("seed", range(12))
def test_the_samples_end_as_they_must(server: Server, client: redis.Redis, seed: int, at_once: bool) -> None:
    order = random.Random(seed).sample(CHANNELS, len(CHANNELS))
    post_and_work(server, client, order, at_once=at_once)
    told = [(one["type"], one["subject"], one["data"]["charge"]["id"]) for one in messages(client)]
    assert len({charge for _, _, charge in told}) == len(told) == 7
    assert sorted(kind for kind, _, _ in told) == ["pingpp.payment.paid"] * 6 + ["pingpp.payment.paid_again"]
    first, second = [kind for kind, order_no, _ in told if order_no == "123456789"]
    assert (first, second) == ("pingpp.payment.paid", "pingpp.payment.paid_again")
    found = {one.charge_id: one for one in letters.newest(Store(client, KEYS), 10)}
    assert found.keys() == {"ch_0azrD0qjXnv9nXLC0Surn1SK", "ch_0e5eHSiLaLGCCmrfnHLebjbH"}
    assert found["ch_0azrD0qjXnv9nXLC0Surn1SK"].evidence["odd"] == "livemode_conflict"
    assert found["ch_0e5eHSiLaLGCCmrfnHLebjbH"].evidence["odd"] in (
        "same_event_other_body",
        "identity_conflict",
    )
    assert all(letter.reason == "charge_not_found" and letter.explanation for letter in found.values())

    before = state(client)
    post_and_work(server, client, random.Random(seed + 100).sample(order, len(order)), at_once=not at_once)
    assert state(client) == before
