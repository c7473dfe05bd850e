"""The sandbox as it is run: a program of its own, with a receiver on a real port."""

import base64
import http.server
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

ORDER = {
    "order_no": "123456789",
    "amount": "100",
    "app": {"id": "app_1Gqj58ynP0mHeX1q"},
    "channel": "alipay_qr",
    "currency": "cny",
    "client_ip": "127.0.0.1",
    "subject": "Your Subject",
    "body": "Your Body",
}
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Shop:
    """A receiver that says `status`."""

    port: int = 0
    status: int = 500
    got: list[tuple[bytes, str]] = field(default_factory=list)


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()

    class Handler(http.server.BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            shop.got.append((body, self.headers["X-Pingplusplus-Signature"]))
            self.send_response(shop.status)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        shop.port = server.server_address[1]
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield shop
        server.shutdown()


@dataclass(frozen=True)
class Program:
    process: subprocess.Popen[bytes]
    url: str

    def stop(self, number: int = signal.SIGTERM) -> tuple[int, str]:
        self.process.send_signal(number)
        _, log = self.process.communicate(timeout=10)
        return self.process.returncode, log.decode()


@pytest.fixture
def start(tmp_path: Path, shop: Shop) -> Iterator[Callable[..., Program]]:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    running: list[subprocess.Popen[bytes]] = []

    def begin(*, ready: bool = True, **environment: str) -> Program:
        own = {"DATA_DIR": str(tmp_path), "SANDBOX_PORT": str(port), "PORT": str(shop.port)}
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **own, **environment},
            cwd=tmp_path,
            stderr=subprocess.PIPE,
        )
        running.append(process)
        program = Program(process, f"http://127.0.0.1:{port}")
        if ready:
            until(lambda: answers(program))
        return program

    yield begin
    for process in running:
        if process.poll() is None:
            process.kill()
        process.communicate()


def answers(program: Program) -> bool:
    assert program.process.poll() is None, "the sandbox ended"
    try:
        return httpx.get(f"{program.url}/sandbox/healthz").status_code == 200
    except httpx.TransportError:
        return False


def until(true: Callable[[], bool], within: float = 10) -> None:
    end = time.monotonic() + within
    while not true():
        assert time.monotonic() < end, "it did not come about in time"
        time.sleep(0.02)


def test_webhooks_are_signed_repeated_and_outlive_a_restart(
    start: Callable[..., Program], shop: Shop, tmp_path: Path
) -> None:
    first = start()
    httpx.put(f"{first.url}/sandbox/clock", json={"scale": 20}).raise_for_status()
    answer = httpx.post(f"{first.url}/sandbox/trigger", json={"count": 3}).json()
    until(lambda: len(shop.got) >= 4)  # all three, and one of them again
    code, log = first.stop()
    assert code == 0, log
    lines = [json.loads(line) for line in log.splitlines()]
    assert lines[0]["event"] == "sandbox starts"
    assert {line["outcome"] for line in lines if line["event"] == "webhook"} == {"refused"}
    assert "测试商品" not in log

    shop.status = 200
    before = len(shop.got)
    second = start()
    until(lambda: httpx.get(f"{second.url}/sandbox/deliveries").json()["outstanding"] == 0)
    assert len(shop.got) - before == 3
    key = serialization.load_pem_public_key((tmp_path / "sandbox" / "public_key.pem").read_bytes())
    assert isinstance(key, rsa.RSAPublicKey)
    for body, signature in shop.got:
        key.verify(base64.b64decode(signature, validate=True), body, padding.PKCS1v15(), hashes.SHA256())
    taken = {json.loads(body)["id"] for body, _ in shop.got[before:]}
    assert taken == {one["event_id"] for one in answer["events"]}

    taken_port = start(ready=False)
    _, complaint = taken_port.process.communicate(timeout=10)
    assert taken_port.process.returncode == 2
    assert complaint.decode().startswith("sandbox: SANDBOX_PORT: cannot listen on 127.0.0.1:")
    assert complaint.count(b"\n") == 1
    assert second.stop(signal.SIGINT)[0] == 0


def test_what_was_answered_outlives_a_kill(start: Callable[..., Program]) -> None:
    first = start()
    key = {"authorization": "Bearer sk_test_1"}
    charge = httpx.post(f"{first.url}/v1/charges", json=ORDER, headers=key).raise_for_status().json()
    first.stop(signal.SIGKILL)
    second = start()
    assert httpx.get(f"{second.url}/v1/charges/{charge['id']}", headers=key).json() == charge
    assert second.stop()[0] == 0


def test_it_ends_with_its_parent(start: Callable[..., Program]) -> None:
    stranger = start(ready=False, PINGPP_INGEST_PARENT_PID="1")
    assert stranger.process.wait(timeout=10) == 0
    child = start(PINGPP_INGEST_PARENT_PID=str(os.getpid()))
    time.sleep(1.2)
    assert child.process.poll() is None
    assert child.stop()[0] == 0


def test_a_wrong_setting_stops_the_start(start: Callable[..., Program]) -> None:
    program = start(ready=False, SANDBOX_WEBHOOK_URL="nowhere")
    _, complaint = program.process.communicate(timeout=10)
    assert program.process.returncode == 2
    assert complaint.decode().startswith("sandbox: SANDBOX_WEBHOOK_URL: ")
