"""Story: the sandbox as it is run: a program of its own, with a receiver on a real port."""

import base64
import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import httpx
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.objects.scan import EXAMPLES, PASSWORD
from tests.patience import PATIENCE_S, until
from tests.sandbox.program import Program, Shop

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
    _, complaint = taken_port.process.communicate(timeout=PATIENCE_S)
    assert taken_port.process.returncode == 2
    assert complaint.decode().startswith("sandbox: SANDBOX_PORT: cannot listen on 127.0.0.1:")
    assert complaint.count(b"\n") == 1
    assert second.stop(signal.SIGINT)[0] == 0


def test_what_was_answered_outlives_a_kill(start: Callable[..., Program]) -> None:
    first = start()
    key = {"authorization": "Bearer sk_test_1"}
    charge = httpx.post(f"{first.url}/v1/charges", json=ORDER, headers=key).raise_for_status().json()
    extra = {"scan_code": EXAMPLES[PASSWORD], "terminal_id": "T0000001"}
    asked = {**ORDER, "order_no": "asked for a", "channel": "isv_scan", "extra": extra}
    assert httpx.post(f"{first.url}/v1/charges", json=asked, headers=key).status_code == 402
    first.stop(signal.SIGKILL)
    second = start()
    assert httpx.get(f"{second.url}/v1/charges/{charge['id']}", headers=key).json() == charge
    kept = httpx.get(f"{second.url}/sandbox/charges", params={"order_no": "asked for a"}).json()["charges"]
    assert [one["paid"] for one in kept] == [False], "a refusal may leave something behind"
    assert second.stop()[0] == 0


def test_it_ends_with_its_parent(start: Callable[..., Program]) -> None:
    stranger = start(ready=False, PINGPP_INGEST_PARENT_PID="1")
    assert stranger.process.wait(timeout=PATIENCE_S) == 0
    child = start(PINGPP_INGEST_PARENT_PID=str(os.getpid()))
    time.sleep(1.2)
    assert child.process.poll() is None
    assert child.stop()[0] == 0


def test_a_wrong_setting_stops_the_start(start: Callable[..., Program]) -> None:
    program = start(ready=False, SANDBOX_WEBHOOK_URL="nowhere")
    _, complaint = program.process.communicate(timeout=PATIENCE_S)
    assert program.process.returncode == 2
    assert complaint.decode().startswith("sandbox: SANDBOX_WEBHOOK_URL: ")
