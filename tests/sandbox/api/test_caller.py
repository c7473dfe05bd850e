"""Who may call the sandbox's gateway."""

import base64
import time
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from tests.sandbox.kit import LIVE_KEY, TEST_KEY, Receiver, Rig, order, running

pytestmark = pytest.mark.anyio


def basic(text: str) -> dict[str, str]:
    return {"authorization": f"Basic {base64.b64encode(text.encode()).decode()}"}


@pytest.mark.parametrize(
    ("headers", "livemode"),
    [(TEST_KEY, False), (LIVE_KEY, True), (basic("sk_test_x1:"), False), (basic("sk_live_x1:"), True)],
)
async def test_the_key_decides_the_mode(rig: Rig, headers: dict[str, str], livemode: bool) -> None:
    assert (await rig.create(headers=headers))["livemode"] is livemode


@pytest.mark.parametrize(
    "value",
    [
        "",
        "Bearer",
        "Bearer pk_test_x1",
        "Bearer sk_test_",
        "Basic !",
        "Basic AAAA",
        "sk_test_x1",
        "Digest sk_test_x1",
    ],
)
async def test_any_other_key_is_refused(rig: Rig, value: str) -> None:
    answer = await rig.create(status=401, headers={"authorization": value})
    assert answer["error"]["type"] == "invalid_request_error"


async def test_what_is_of_the_other_mode_does_not_exist(rig: Rig) -> None:
    charge = await rig.create()
    for path in ("", "/refunds"):
        await rig.get(f"/v1/charges/{charge['id']}{path}", 404, headers=LIVE_KEY)
    await rig.post(f"/v1/charges/{charge['id']}/reverse", status=404, headers=LIVE_KEY)
    listed = await rig.get("/v1/charges", params={"app[id]": charge["app"]}, headers=LIVE_KEY)
    assert listed["data"] == []


async def test_an_unknown_address_has_an_error_object(rig: Rig) -> None:
    assert (await rig.get("/v1/orders", 404))["error"]["type"] == "invalid_request_error"
    assert (await rig.post("/v1/events/evt_x", status=405))["error"]["message"]
    assert (await rig.get("/v1/charges/ch_x", 404))["error"]["param"] == "id"
    assert (await rig.get("/sandbox/nothing", 404))["code"] == "not_found"


async def test_a_connection_is_kept_but_for_the_node_sdk(rig: Rig) -> None:
    node = {"user-agent": "Pingpp/v1 NodeBindings/2.1.6"}
    for headers, closes in (({}, None), (node, "close"), ({**node, "authorization": ""}, "close")):
        answer = await rig.http.get("/v1/charges/ch_x", headers=headers)
        assert answer.headers.get("connection") == closes


@pytest.fixture(scope="module")
def merchant() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


@pytest.fixture
def merchant_file(tmp_path: Path, merchant: rsa.RSAPrivateKey) -> Path:
    pem = merchant.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    path = tmp_path / "merchant.pem"
    path.write_bytes(b"\xef\xbb\xbf" + pem.replace(b"\n", b"\r\n").rstrip())
    return path


def signed(key: rsa.RSAPrivateKey, body: bytes, uri: str) -> dict[str, str]:
    now = str(int(time.time()))
    signature = key.sign(body + uri.encode() + now.encode(), padding.PKCS1v15(), hashes.SHA256())
    encoded = base64.b64encode(signature).decode()
    return {"Pingplusplus-Signature": encoded, "Pingplusplus-Request-Timestamp": now}


async def test_requests_must_be_signed_by_the_merchant(
    tmp_path: Path, merchant: rsa.RSAPrivateKey, merchant_file: Path
) -> None:
    body = httpx.Request("POST", "http://x", json=order()).content
    good = signed(merchant, body, "/v1/charges")
    stranger = signed(rsa.generate_private_key(65537, 2048), body, "/v1/charges")
    async with running(tmp_path, Receiver(), sandbox_merchant_public_key_file=merchant_file) as rig:
        created = await rig.http.post("/v1/charges", content=body, headers=good)
        assert created.status_code == 200
        for headers, content in (
            ({}, body),
            (stranger, body),
            (good, body + b" "),
            ({**good, "Pingplusplus-Signature": "not base64!"}, body),
            ({**good, "Pingplusplus-Signature": "!" + good["Pingplusplus-Signature"]}, body),
            ({**good, "Pingplusplus-Request-Timestamp": "1"}, body),
            ({"Pingplusplus-Signature": good["Pingplusplus-Signature"]}, body),
            (signed(merchant, body, "/v1/charges/"), body),
        ):
            refused = await rig.http.post("/v1/charges", content=content, headers=headers)
            assert refused.status_code == 401, headers
            assert refused.json()["error"]["type"] == "invalid_request_error"


async def test_reading_may_be_signed(
    tmp_path: Path, merchant: rsa.RSAPrivateKey, merchant_file: Path
) -> None:
    query = "app%5Bid%5D=app_1Gqj58ynP0mHeX1q&limit=3"
    async with running(tmp_path, Receiver(), sandbox_merchant_public_key_file=merchant_file) as rig:
        for path, uri, status in (
            (f"/v1/charges?{query}", f"/v1/charges?{query}", 200),
            (f"/v1/charges?{query}", "/v1/charges", 401),
            # The official Node SDK adds a bare `?`, signs it and sends it.
            ("/v1/charges/ch_x", "/v1/charges/ch_x?", 404),
            ("/v1/charges/ch_x", "/v1/charges/ch_x", 404),
            ("/v1/charges/ch_x", "/v1/charges/ch_y", 401),
        ):
            answer = await rig.http.get(path, headers=signed(merchant, b"", uri))
            assert answer.status_code == status, (path, uri)
        assert (await rig.http.get("/v1/charges/ch_x")).status_code == 404
