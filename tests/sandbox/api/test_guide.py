"""Story: the requests of the guide's examples, as each of its languages sends them, but for the key."""

import base64
import json
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.sandbox.kit import APP, Receiver, Rig, running

pytestmark = pytest.mark.anyio

GOODS = [{"goods_name": "iPhone", "goods_num": "1"}]
TERMINAL = {"terminal_id": "T0000001"}
EXTRA: dict[str, dict[str, Any]] = {
    "alipay_qr": {},
    "wx_pub_qr": {"product_id": "Your ProductId"},
    "cb_alipay_qr": {},
    "cb_wx_pub_qr": {"product_id": "Your ProductId", "limit_pay": "no_credit", "goods_list": GOODS},
    "upacp_qr": {"result_url": "http://example.com/result"},
    "ccb_qr": {"pos_id": "025547632", "remark": "test", "return_type": 1},
    "isv_qr": {"pay_channel": "wx", **TERMINAL},
    "isv_wap": {"pay_channel": "alipay", **TERMINAL, "result_url": "https://www.example.com/payment-result"},
    "isv_scan": {"scan_code": "131141564583769183", **TERMINAL},
}
KEY = "sk_test_ibbTe5jLGCi5rzfH4OqPW9KC"
BEARER = f"Bearer {KEY}"
BASIC = f"Basic {base64.b64encode(f'{KEY}:'.encode()).decode()}"


def body(channel: str) -> dict[str, Any]:
    made: dict[str, Any] = {
        "order_no": "123456789",
        "amount": 200_000 if channel.startswith("isv_") else 100,
        "app": {"id": APP},
        "channel": channel,
        "currency": "usd" if channel.startswith("cb_") else "cny",
        "client_ip": "127.0.0.1",
        "subject": "Your Subject",
        "body": "Your Body",
    }
    return made | ({"extra": EXTRA[channel]} if EXTRA[channel] else {})


def php(channel: str) -> dict[str, Any]:
    """Its amounts are strings, and its list of goods is one lone object."""
    made = body(channel)
    made["amount"] = str(made["amount"])
    if channel == "cb_wx_pub_qr":
        made["extra"] = {**made["extra"], "product_id": "your product id", "goods_list": GOODS[0]}
    return made


def java(channel: str) -> dict[str, Any]:
    """It knows a wallet that nobody else does."""
    made = body(channel)
    if channel == "isv_qr":
        made["extra"] = {**made["extra"], "pay_channel": "wz"}
    return made


def go(channel: str) -> dict[str, Any]:
    made = body(channel)
    if channel in {"wx_pub_qr", "cb_wx_pub_qr"}:
        made["extra"] = {**made["extra"], "product_id": "User ProductId"}
    return made


# What each makes of a channel; those that need no word of their own do it like Python.
LANGUAGES: dict[str, Callable[[str], dict[str, Any]]] = {
    "php": php,
    "java": java,
    "node": body,
    "python": body,
    "ruby": body,
    "go": go,
    "csharp": body,
}


def content_of(language: str, channel: str) -> bytes:
    content = LANGUAGES[language](channel)
    if language == "python":
        return json.dumps(content).encode()
    if language == "csharp":
        return json.dumps(content, indent=2, ensure_ascii=False).encode()
    return json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()


def headers(language: str) -> dict[str, str]:
    key = BASIC if language in {"node", "go"} else BEARER
    return {"authorization": key, "content-type": "application/json"}


@pytest.fixture(scope="module")
def merchant() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
async def checking(tmp_path: Path, merchant: rsa.RSAPrivateKey) -> AsyncIterator[Rig]:
    """A sandbox that has the merchant's public key, as in the guide's second step."""
    pem = merchant.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    (tmp_path / "merchant.pem").write_bytes(pem)
    path = tmp_path / "merchant.pem"
    async with running(tmp_path, Receiver(), sandbox_merchant_public_key_file=path) as rig:
        yield rig


def signed(key: rsa.RSAPrivateKey, content: bytes, uri: str) -> dict[str, str]:
    now = str(int(time.time()))
    signature = key.sign(content + uri.encode() + now.encode(), padding.PKCS1v15(), hashes.SHA256())
    encoded = base64.b64encode(signature).decode()
    return {"Pingplusplus-Signature": encoded, "Pingplusplus-Request-Timestamp": now}


@pytest.mark.parametrize("language", LANGUAGES)
async def test_the_examples_of_every_language_run(
    checking: Rig, merchant: rsa.RSAPrivateKey, language: str
) -> None:
    made: dict[str, Any] = {}
    for channel in EXTRA:
        content = content_of(language, channel)
        sent = headers(language) | signed(merchant, content, "/v1/charges")
        # Node sends its body in chunks, without saying how long it is.
        answer = await checking.http.post(
            "/v1/charges", content=_chunks(content) if language == "node" else content, headers=sent
        )
        assert answer.status_code == 200, (channel, answer.text)
        made[channel] = answer.json()
    for channel, charge in made.items():
        assert charge["amount"] == (200_000 if channel.startswith("isv_") else 100)
        assert charge["extra"].items() >= LANGUAGES[language](channel).get("extra", {}).items()
        assert charge["paid"] is (channel == "isv_scan")
        assert (channel in charge["credential"]) is (channel != "isv_scan")
        # The Node SDK adds a `?` where there is no query, and signs it.
        uri = f"/v1/charges/{charge['id']}" + ("?" if language == "node" else "")
        sent = headers(language) | signed(merchant, b"", uri)
        assert (await checking.http.get(uri, headers=sent)).json() == charge
    sent = headers(language) | signed(merchant, b"", "/v1/charges?limit=3")
    listed = (await checking.http.get("/v1/charges?limit=3", headers=sent)).json()
    assert [one["channel"] for one in listed["data"]] == ["isv_scan", "isv_wap", "isv_qr"]
    assert listed["has_more"] is True


async def test_the_examples_run_one_after_the_other_on_one_system(rig: Rig) -> None:
    """They share one order number, so what the first has made is what the others get."""
    for channel in EXTRA:
        ids = set()
        for language in LANGUAGES:
            answer = await rig.http.post(
                "/v1/charges", content=content_of(language, channel), headers=headers(language)
            )
            assert answer.status_code == 200, (channel, language, answer.text)
            ids.add(answer.json()["id"])
        assert len(ids) == 1, channel


async def _chunks(content: bytes) -> AsyncIterator[bytes]:
    yield content[:7]
    yield content[7:]
