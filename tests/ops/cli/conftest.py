"""A system to run commands against: a real Redis, with events accepted and applied by the real functions."""

import asyncio
import json
import shlex
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import redis
import redis.asyncio
from structlog.testing import capture_logs
from typer.testing import CliRunner

from ops.cli.__main__ import app
from payments.inbox.accept import Inbox
from payments.keys import Keys
from payments.pingpp import event
from payments.pingpp.gateway import Gateway
from payments.store import Store
from processes.redis_server import Server
from tests.conftest import charge_object, event_body
from workers import apply_events, ask
from workers.context import Context


@dataclass
class Answer:
    """What a command answered."""

    status: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)

    @property
    def lines(self) -> list[str]:
        return self.out.splitlines()

    @property
    def all(self) -> str:
        return self.out + self.err


@dataclass
class System:
    """`charges` is what Ping++ answers when asked for one of these ids; all others it does not know."""

    client: redis.Redis
    url: str
    data_dir: Path
    keys: Keys = field(default_factory=Keys)
    charges: dict[str, dict[str, Any]] = field(default_factory=dict)

    def run(self, line: str, *, given: str | None = None) -> Answer:
        """Run a command as from a shell."""
        # `COLUMNS` as in the narrowest of terminals: nothing may be cut off.
        environment = {"DATA_DIR": str(self.data_dir), "COLUMNS": "80"}
        result = CliRunner().invoke(app, shlex.split(line), input=given, env=environment)
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    def accept(self, *bodies: bytes) -> list[str]:
        """Store webhooks as the receiver does; returns their members."""
        asyncio.run(self._accept(bodies))
        return [event.identify(body) for body in bodies]

    def apply(self, *bodies: bytes) -> list[str]:
        """Store webhooks and have a worker apply them."""
        members = self.accept(*bodies)
        self.drain()
        return members

    def drain(self) -> None:
        """What a worker does when the bell rings."""
        apply_events.drain(self._context())

    def ask(self) -> None:
        """The same for what is odd."""
        ask.drain(self._context())

    def dead(self, *bodies: bytes) -> list[str]:
        """The ids of the dead letters that these webhooks, which Ping++ must contradict, end as."""
        before = set(self._letters())
        self.apply(*bodies)
        self.ask()
        return [id_ for id_ in self._letters() if id_ not in before]

    def due(self, what: str) -> list[str]:
        members: Any = self.client.zrange(self.keys.due(what), 0, -1)
        return [member.decode() for member in members]

    def _letters(self) -> list[str]:
        ids: Any = self.client.zrange(self.keys.dead_letters, 0, -1)
        return [id_.decode() for id_ in ids]

    async def _accept(self, bodies: Iterable[bytes]) -> None:
        async with redis.asyncio.Redis.from_url(self.url) as client:
            inbox = Inbox(client, self.keys, ring=lambda: None, accepted=lambda _: None, remember_s=3600)
            for body in bodies:  # one after the other, so that they are listed in this order
                await inbox.accept(event.identify(body), body)
            await inbox.close()

    def _context(self) -> Context:
        def answer(request: httpx.Request) -> httpx.Response:
            charge = self.charges.get(request.url.path.rpartition("/")[2])
            if charge is None:
                error = {"type": "invalid_request_error", "message": "No such charge"}
                return httpx.Response(404, json={"error": error})
            return httpx.Response(200, json=charge)

        return Context(
            store=Store(self.client, self.keys),
            livemode=True,
            apps=frozenset(),
            order_key="order_no",
            keep_bodies_s=3600,
            gateway=lambda: Gateway(
                "https://pingpp.test", "sk_live_secret", transport=httpx.MockTransport(answer)
            ),
        )


@pytest.fixture
def system(
    server: Server, client: redis.Redis, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[System]:
    """An empty system, and a directory and an environment that say nothing of it."""
    monkeypatch.chdir(tmp_path)
    for name in ("REDIS_URL", "DATA_DIR", "KEY_PREFIX", "PINGPP_API_KEY", "HOST", "SANDBOX_PORT"):
        monkeypatch.delenv(name, raising=False)
    with capture_logs():  # what workers log must not come between what commands answer
        yield System(client, server.url, server.data_dir)


PLANNED = {"event_id": f"evt_{1:024d}", "type": "charge.succeeded", "object_id": f"ch_{1:024d}"}
ANSWER = {"count": 1, "events": [{**PLANNED, "order_no": "order00000001"}]}


class Sandbox:
    """Answers as the sandbox's control does; `then` runs before the answer to a trigger."""

    def __init__(self) -> None:
        self.asked: list[dict[str, Any]] = []
        self.answer: tuple[int, Any] = (202, ANSWER)
        self.deliveries: list[dict[str, Any]] = []
        self.then: Callable[[], None] = lambda: None
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                outer.asked.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                outer.then()
                self._send(*outer.answer)

            def do_GET(self) -> None:
                self._send(200, {"deliveries": outer.deliveries, "outstanding": 1})

            def _send(self, status: int, content: Any) -> None:
                body = content if isinstance(content, bytes) else json.dumps(content).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)


@pytest.fixture
def sandbox(system: System, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    monkeypatch.setenv("DATA_DIR", str(system.data_dir))
    made = Sandbox()
    thread = threading.Thread(target=made.server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    monkeypatch.setenv("SANDBOX_PORT", str(made.server.server_address[1]))
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")  # what is here is not reached through a proxy
    yield made
    made.server.shutdown()
    thread.join()
    made.server.server_close()


def paid(system: System) -> None:
    system.apply(event_body(charge_object(1), number=1))


def last_command(answer: Answer) -> str:
    """The last command of ours that an answer names."""
    said = answer.out if "pingpp-ingest " in answer.out else answer.err
    return said.rpartition("pingpp-ingest ")[2].strip()


BUYER = "xin***@126.com"


def contradicted(system: System, number: int = 1) -> str:
    """The dead letter of an event that claims another amount than Ping++ says, and another mode."""
    charge = charge_object(number)
    system.charges[charge["id"]] = {**charge, "extra": {}}
    (id_,) = system.dead(event_body({**charge, "amount": 999}, livemode=False))
    return id_
