"""The textbook design to compare with: one RQ job per event, enqueued from the request in a thread pool.

`python -m tests.bench.textbook serve REDIS_URL PORT PUBLIC_KEY_FILE`, and for the worker `… work REDIS_URL`,
which is RQ's stock worker: it forks for each job. Its job does what an ordinary consumer would: remove
duplicates by SETNX, update a hash of the payment, add a message to a stream.
"""

import json
import sys
from functools import cache
from pathlib import Path
from typing import Any

import redis
from rq import Queue, Worker, get_current_job
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench.server import Verifier, serve

STREAM = "textbook"
REMEMBER_S = 30 * 86_400


def apply(body: bytes) -> None:
    """One job: one event."""
    job = get_current_job()
    assert job is not None
    client = job.connection
    event = json.loads(body)
    charge = event["data"]["object"]
    if not client.set(f"seen:{event['id']}:{charge['id']}", 1, nx=True, ex=REMEMBER_S):
        return
    payment: dict[str, Any] = {
        name: charge[name] for name in ("order_no", "app", "channel", "amount", "currency", "time_paid")
    }
    pipeline = client.pipeline()
    pipeline.hset(f"paid:{charge['app']}:{charge['order_no']}", mapping=payment | {"charge": charge["id"]})
    message = {
        "specversion": "1.0",
        "id": f"paid:{charge['order_no']}",
        "source": f"/textbook/{charge['app']}",
        "type": "payment.paid",
        "data": {"payment": payment, "charge": charge},
    }
    pipeline.xadd(STREAM, {"event": json.dumps(message, ensure_ascii=False)})
    pipeline.execute()


def app_of(redis_url: str, verifier: Verifier) -> Starlette:
    """The endpoint: verify, enqueue, answer."""

    @cache
    def queue() -> Queue:
        return Queue("events", connection=redis.Redis.from_url(redis_url))

    async def receive(request: Request) -> Response:
        body = await request.body()
        if not verifier.genuine(request, body):
            return Response(status_code=401)
        await run_in_threadpool(queue().enqueue, "tests.bench.textbook.apply", body)
        return Response()

    return Starlette(routes=[Route("/webhooks", receive, methods=["POST"])])


def work(redis_url: str) -> None:
    """RQ's stock worker, until SIGTERM."""
    worker = Worker(["events"], connection=redis.Redis.from_url(redis_url))
    worker.work(logging_level="WARNING")


if __name__ == "__main__":
    if sys.argv[1] == "work":
        work(sys.argv[2])
    else:
        serve(app_of(sys.argv[2], Verifier(Path(sys.argv[4]).read_bytes())), int(sys.argv[3]))
