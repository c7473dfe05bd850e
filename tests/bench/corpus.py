"""Signed webhooks, made once per run: distinct charge.succeeded events, each a whole HTTP request."""

import base64
import json
import secrets
import struct
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

SAMPLES = Path(__file__).parent.parent / "samples" / "events"
CHANNELS = ("alipay_qr", "ccb_qr", "isv_qr", "wx_pub_qr")  # their samples are from 1.0 to 1.4 kB
_PIECE = 500  # events that one task signs
_SIZE = struct.Struct("<I")


@dataclass(frozen=True, slots=True)
class Corpus:
    """`requests`: the file. `mean_body`: bytes of an event's body."""

    requests: Path
    public_key: Path
    count: int
    mean_body: float


def make(directory: Path, count: int, processes: int) -> Corpus:
    """Make and sign `count` events with a new key."""
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    public_key = directory / "public_key.pem"
    public_key.write_bytes(
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
    )
    run, now = secrets.token_hex(8), int(time.time())
    firsts = range(0, count, _PIECE)
    size, done = 0, 0
    file = directory / "requests"
    with file.open("wb") as output, ProcessPoolExecutor(processes) as pool:
        tasks = [pool.submit(_sign, pem, run, now, first, min(_PIECE, count - first)) for first in firsts]
        for task in tasks:
            for request, body_size in task.result():
                output.write(_SIZE.pack(len(request)) + request)
                size += body_size
                done += 1
            _progress(done, count)
    return Corpus(file, public_key, count, size / count)


def read(file: Path) -> list[bytes]:
    """The requests of a corpus."""
    content, position, requests = file.read_bytes(), 0, []
    while position < len(content):
        (size,) = _SIZE.unpack_from(content, position)
        position += _SIZE.size
        requests.append(content[position : position + size])
        position += size
    return requests


def number_of(charge_id: str) -> int:
    """Which event of the corpus a charge is of."""
    return int(charge_id[-8:])


def _sign(pem: bytes, run: str, now: int, first: int, count: int) -> list[tuple[bytes, int]]:
    key = serialization.load_pem_private_key(pem, password=None)
    assert isinstance(key, rsa.RSAPrivateKey)
    samples = [json.loads((SAMPLES / f"{name}.json").read_bytes()) for name in CHANNELS]
    made = []
    for body in _events(samples, run, now, first, count):
        signature = base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256()))
        head = (
            b"POST /webhooks HTTP/1.1\r\nHost: shop.example\r\nUser-Agent: Apache-HttpClient/4.5\r\n"
            b"Content-Type: application/json;charset=UTF-8\r\nAccept-Encoding: gzip,deflate\r\n"
            b"x-pingplusplus-signature: %b\r\nContent-Length: %d\r\n\r\n" % (signature, len(body))
        )
        made.append((head + body, len(body)))
    return made


def _events(samples: list[dict[str, Any]], run: str, now: int, first: int, count: int) -> Iterator[bytes]:
    for number in range(first, first + count):
        event = samples[number % len(samples)]
        charge = event["data"]["object"]
        event["id"] = f"evt_{run}{number:08d}"
        event["created"], event["livemode"], event["pending_webhooks"] = now, True, 1
        charge["id"] = f"ch_{run}{number:08d}"
        charge["order_no"] = f"{now}{number:08d}"
        charge["transaction_no"] = f"40062820012016{now}{number:08d}"
        charge["app"], charge["livemode"], charge["amount"] = "app_1Gqj58ynP0mHeX1q", True, 100 + number
        charge["created"], charge["time_paid"], charge["time_expire"] = now - 30, now, now + 7200
        charge["refunds"]["url"] = f"/v1/charges/{charge['id']}/refunds"
        yield json.dumps(event, ensure_ascii=False).encode()


def _progress(done: int, count: int) -> None:
    if sys.stderr.isatty():
        print(
            f"\rsigning events {done}/{count}", end="\n" if done == count else "", file=sys.stderr, flush=True
        )
