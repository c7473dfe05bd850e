"""SIGTERM under load: what has begun is finished and answered, nothing is lost, and the exit status is 0."""

import asyncio
import socket
from pathlib import Path

from tests.flow import books
from tests.flow.kit import System, seeded
from tests.flow.load import Load, Webhook
from tests.flow.signer import order_no, paid
from tests.patience import PATIENCE_S, until

SECONDS, EVENTS = 8.0, 1600
IN_FLIGHT = range(EVENTS, EVENTS + 8)


def test_processes_that_are_stopped_under_load_finish_what_they_have_begun(system: System) -> None:
    rng = seeded()
    bodies = [paid(number) for number in range(EVENTS)]
    webhooks = [Webhook(rng.uniform(0, SECONDS), body, system.signer.sign(body)) for body in bodies]
    load = Load(system, webhooks, rng)
    statuses = asyncio.run(stop_each(system, load))
    assert statuses == {"worker": 0, "scheduler": 0, "receiver": 0}
    # Some are not answered at all: those that were under way to a connection just being closed. They come again.
    print(load.tally)
    with system.redis() as client:
        until(lambda: books.idle(client), "nothing waits")
        assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in range(EVENTS)}
        books.check_agreement(client)


async def stop_each(system: System, load: Load) -> dict[str, int]:
    """Stop and start the processes in turn while webhooks come in; the exit status of each."""
    sending = asyncio.create_task(load.run())
    statuses = {}
    for name in ("worker", "scheduler", "receiver"):
        await asyncio.sleep(1.5)
        statuses[name] = await asyncio.to_thread(system.stop, name)
        system.start(name)
    await sending
    return statuses


def unread(port: int) -> int:
    """How many bytes wait to be read by whoever listens on the port."""
    rows = [row.split() for row in Path("/proc/net/tcp").read_text().splitlines()[1:]]
    return sum(int(row[4].partition(":")[2], 16) for row in rows if row[1].endswith(f":{port:04X}"))


def test_a_receiver_that_is_stopped_answers_the_requests_that_have_begun(system: System) -> None:
    begun = []
    for number in IN_FLIGHT:
        body = paid(number)
        head = "".join(f"{name}: {value}\r\n" for name, value in system.signer.headers(body).items())
        connection = socket.create_connection(("127.0.0.1", system.port), timeout=PATIENCE_S)
        connection.sendall(
            f"POST /webhooks HTTP/1.1\r\nhost: x\r\n{head}content-length: {len(body)}\r\n\r\n".encode()
        )
        connection.sendall(body[:100])
        begun.append((connection, body[100:]))
    until(lambda: unread(system.port) == 0, "it has read their beginnings")
    process = system.processes["receiver"]
    process.terminate()
    until(lambda: system.status_of("/livez") == 0, "it takes no new connections")
    for connection, rest in begun:
        with connection:
            connection.sendall(rest)
            assert connection.recv(1000).startswith(b"HTTP/1.1 200 ")
    assert process.wait(PATIENCE_S) == 0
    del system.processes["receiver"]
    with system.redis() as client:
        until(lambda: len(books.ids(client)) == len(IN_FLIGHT), "all are published")
        assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in IN_FLIGHT}
