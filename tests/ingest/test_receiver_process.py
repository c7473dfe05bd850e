"""Story: the real receiver over real sockets: bodies that never end or never come, keys and Redis that are not right."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redis

from processes import redis_server
from processes.redis_server import Server
from tests.conftest import charge_object, event_body
from tests.flow.signer import Signer
from tests.patience import PATIENCE_S, until
from tests.ports import free_port

GOOD = event_body(charge_object())


def environment(server: Server | None, key: Path, **more: str) -> dict[str, str]:
    ours = {"PINGPP_PUBLIC_KEY_FILES": str(key), "LOG_FORMAT": "json", **more}
    return {**os.environ, **({"REDIS_URL": server.url} if server else {}), **ours}


@pytest.fixture
def key(signer: Signer, tmp_path: Path) -> Path:
    path = tmp_path / "public.pem"
    path.write_bytes(signer.public)
    return path


@pytest.fixture(scope="module")
def lasting(signer: Signer, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same key, for all of these tests."""
    path = tmp_path_factory.mktemp("key") / "public.pem"
    path.write_bytes(signer.public)
    return path


@contextmanager
def receiver(server: Server, key: Path, **more: str) -> Iterator[tuple[int, subprocess.Popen[bytes]]]:
    """A receiver that answers, started by the command in the Procfile, and the port that it listens on."""
    number = free_port()
    process = subprocess.Popen(
        [sys.executable, "-m", "ingest"], env=environment(server, key, PORT=str(number), **more)
    )
    try:
        until(lambda: process.poll() is not None or answers(number), "it answers")
        yield number, process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(PATIENCE_S) == 0


@pytest.fixture(scope="module")
def running(server: Server, lasting: Path) -> Iterator[int]:
    with receiver(server, lasting) as (number, _):
        yield number


@pytest.fixture
def port(running: int, client: redis.Redis) -> int:
    """A receiver before an empty Redis."""
    assert client.ping()
    return running


@pytest.fixture(scope="module")
def impatient(server: Server, lasting: Path) -> Iterator[int]:
    with receiver(server, lasting, BODY_TIMEOUT="1") as (number, _):
        yield number


def answers(port: int) -> bool:
    try:
        get(port, "/readyz")
    except (urllib.error.URLError, ConnectionError):
        return False
    return True


def get(port: int, path: str) -> tuple[int, bytes]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=PATIENCE_S) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read()


def say(port: int, *parts: bytes, pause: float = 0.0) -> bytes:
    """Send parts over one connection; what comes back until it is closed."""
    with closing(socket.create_connection(("127.0.0.1", port), PATIENCE_S)) as line:
        for part in parts:
            try:
                line.sendall(part)
            except OSError:
                break
            time.sleep(pause)
        received = b""
        while True:
            try:
                chunk = line.recv(65536)
            except OSError:
                return received
            if not chunk:
                return received
            received += chunk


def head(*lines: str) -> bytes:
    return "\r\n".join(["POST /webhooks HTTP/1.1", "Host: t", *lines, "", ""]).encode()


def test_a_chunked_body_without_end_is_cut_off_at_its_limit(port: int, client: redis.Redis) -> None:
    chunk = b"10000\r\n" + b"x" * 0x10000 + b"\r\n"
    answer = say(port, head("Transfer-Encoding: chunked"), *[chunk] * 64)
    assert answer.startswith(b"HTTP/1.1 413")
    assert b"connection: close" in answer.lower()
    assert client.zcard("due:events") == 0


def test_a_length_beyond_the_limit_is_refused_before_the_body_comes(port: int) -> None:
    assert say(port, head("Content-Length: 99999999")).startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize("begun", [b"", b'{"id"'])
def test_a_body_that_does_not_come_is_cut_off(impatient: int, begun: bytes) -> None:
    answer = say(impatient, head("Content-Length: 100"), begun)
    assert answer.startswith(b"HTTP/1.1 408")
    assert b"body_timeout" in answer


def test_a_chunked_body_in_small_pieces_is_stored_as_it_is(
    port: int, client: redis.Redis, signer: Signer
) -> None:
    pieces = [GOOD[i : i + 300] for i in range(0, len(GOOD), 300)]
    chunks = [b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces]
    signed = head(
        "Transfer-Encoding: chunked", "Connection: close", "x-PINGplusplus-Signature: " + signer.sign(GOOD)
    )
    assert say(port, signed, *chunks, b"0\r\n\r\n", pause=0.01).startswith(b"HTTP/1.1 200")
    (member,) = client.zrange("due:events", 0, -1)
    assert client.get(f"body:{member.decode()}") == GOOD  # type: ignore[union-attr]


def test_it_lives_and_says_what_is_wrong_with_redis(port: int, client: redis.Redis) -> None:
    assert get(port, "/livez") == (200, b"alive\n")
    status, body = get(port, "/readyz")
    assert (status, json.loads(body)["ready"]) == (200, True)
    client.config_set("appendfsync", "everysec")
    try:
        until(lambda: json.loads(get(port, "/readyz")[1])["findings"], "it has looked again")
        status, body = get(port, "/readyz")
        found = json.loads(body)
        assert (status, found["ready"], found["findings"][0]["level"]) == (200, True, "warn")
        client.config_set("appendonly", "no")
        until(lambda: get(port, "/readyz")[0] != 200, "it has looked again")
        status, body = get(port, "/readyz")
        assert (status, json.loads(body)["ready"]) == (503, False)
    finally:
        client.config_set("appendonly", "yes")
        client.config_set("appendfsync", "always")
    assert get(port, "/nowhere")[0] == 404


def refused(*starts: dict[str, str]) -> list[str]:
    """Start receivers that do not start, all at once; what each says."""
    begun = [
        subprocess.Popen(
            [sys.executable, "-m", "ingest"], env={**os.environ, **changes}, stderr=subprocess.PIPE, text=True
        )
        for changes in starts
    ]
    said = [process.communicate(timeout=PATIENCE_S)[1] for process in begun]
    assert [process.returncode for process in begun] == [2] * len(begun)
    assert [one for one in said if "Traceback" in one] == []
    return said


def test_it_does_not_start_without_a_readable_key(server: Server, tmp_path: Path) -> None:
    empty, nonsense = tmp_path / "empty bad.pem", tmp_path / "bad.pem"
    empty.touch()
    nonsense.write_bytes(b"nonsense")
    at = {"REDIS_URL": server.url}
    *of_file, none, port = refused(
        at | {"PINGPP_PUBLIC_KEY_FILES": str(empty)},
        at | {"PINGPP_PUBLIC_KEY_FILES": str(nonsense)},
        at | {"PINGPP_PUBLIC_KEY_FILES": ""},
        at | {"PINGPP_PUBLIC_KEY_FILES": str(empty), "PORT": "many"},
    )
    for said in of_file:
        assert "PINGPP_PUBLIC_KEY_FILES" in said
        assert "bad.pem" in said
        assert "nonsense" not in said
    assert "PINGPP_PUBLIC_KEY_FILES" in none
    assert "PORT" in port


def test_it_does_not_start_where_redis_cannot_be_written(key: Path, tmp_path: Path) -> None:
    with_key = {"PINGPP_PUBLIC_KEY_FILES": str(key)}
    urls = ("redis://:secretpart/rest@h:6379", "http://secretpart", "secretpart")
    away, none, *bad = refused(
        with_key | {"REDIS_URL": "redis://127.0.0.1:1"},
        with_key | {"REDIS_URL": "", "DATA_DIR": str(tmp_path / "none")},
        *(with_key | {"REDIS_URL": url} for url in urls),
    )
    assert "Redis" in away
    assert "make run" in none
    for said in bad:
        assert "REDIS_URL" in said
        assert "secretpart" not in said
    with redis_server.start(tmp_path / "data") as own, redis.Redis.from_url(own.url) as client:
        at = with_key | {"REDIS_URL": own.url}
        client.config_set("maxmemory", "1")
        (said,) = refused(at)
        assert "memory" in said
        client.config_set("maxmemory", "0")
        client.config_set("appendonly", "no")
        (said,) = refused(at)
        assert "appendonly" in said


def test_keys_are_read_again_on_sighup(server: Server, key: Path, signer: Signer) -> None:
    new = Signer()
    with receiver(server, key) as (number, process):

        def post(who: Signer) -> int:
            request: Any = urllib.request.Request(
                f"http://127.0.0.1:{number}/webhooks", GOOD, {"X-Pingplusplus-Signature": who.sign(GOOD)}
            )
            request.add_header("Content-Type", "application/json")
            try:
                with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:  # noqa: S310  ours
                    return int(answer.status)
            except urllib.error.HTTPError as error:
                with error:
                    return error.code

        assert (post(signer), post(new)) == (200, 401)
        key.write_bytes(new.public)
        process.send_signal(signal.SIGHUP)
        until(lambda: post(new) == 200, "the new key is known")
        assert (post(signer), post(new)) == (401, 200)
