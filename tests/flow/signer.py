"""Signs webhooks as Ping++ does, and makes the bodies that it signs."""

import base64
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

APP = "app_1Gqj58ynP0mHeX1q"


class Signer:
    """A key pair. Ping++ docs: base64 of RSA PKCS#1 v1.5 with SHA-256 over the raw body."""

    def __init__(self) -> None:
        self.key = rsa.generate_private_key(public_exponent=65537, key_size=2048)

    @property
    def public(self) -> bytes:
        return self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )

    @property
    def private(self) -> bytes:
        return self.key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    def sign(self, body: bytes) -> str:
        return base64.b64encode(self.key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode()

    def headers(self, body: bytes, signature: str | None = None) -> dict[str, str]:
        """Those that Ping++ sends."""
        signature = self.sign(body) if signature is None else signature
        return {
            "content-type": "application/json; charset=utf-8",
            "x-pingplusplus-signature": signature,
        }


def charge_id(number: int) -> str:
    return f"ch_{number:024d}"


def order_no(number: int) -> str:
    return f"flow{number:08d}"


def paid(number: int, order: int | None = None, pending: int = 0) -> bytes:
    """The event of a paid charge, of its own order if none is named. `pending` is what changes between tries."""
    charge = {
        "id": charge_id(number),
        "object": "charge",
        "created": 1_700_000_000 + number,
        "livemode": True,
        "paid": True,
        "refunded": False,
        "reversed": False,
        "app": APP,
        "channel": ("alipay_qr", "wx_pub_qr", "upacp_qr")[number % 3],
        "order_no": order_no(number if order is None else order),
        "client_ip": "127.0.0.1",
        "amount": 100,
        "amount_settle": 100,
        "currency": "cny",
        "subject": "Your Subject 简米",
        "body": "Your Body",
        "extra": {"buyer_account": "xin***@126.com"},
        "time_paid": 1_700_000_060 + number,
        "time_expire": 1_700_086_400 + number,
        "time_settle": None,
        "transaction_no": f"20231114{number:016d}",
        "refunds": {
            "object": "list",
            "url": f"/v1/charges/{charge_id(number)}/refunds",
            "has_more": False,
            "data": [],
        },
        "amount_refunded": 0,
        "failure_code": None,
        "failure_msg": None,
        "metadata": {},
        "credential": {},
        "description": None,
    }
    return _event(f"evt_paid{number:020d}", "charge.succeeded", charge, pending)


def other(number: int, pending: int = 0) -> bytes:
    """An event that is passed through; its message has the id `other_id(number)`."""
    transfer = {
        "id": f"tr_{number:024d}",
        "object": "transfer",
        "type": "b2c",
        "created": 1_700_000_000 + number,
        "livemode": True,
        "status": "paid",
        "app": APP,
        "channel": "alipay",
        "order_no": f"tr{number:08d}",
        "amount": 100,
        "currency": "cny",
        "recipient": "account01@alipay.com",
        "description": "Your Description",
    }
    return _event(f"evt_other{number:019d}", "transfer.succeeded", transfer, pending)


def other_id(number: int) -> str:
    return f"evt_other{number:019d}:tr_{number:024d}"


def member(number: int) -> str:
    """What `paid(number)` is known by in Redis."""
    return f"evt_paid{number:020d}:{charge_id(number)}"


def _event(id_: str, type_: str, thing: dict[str, Any], pending: int) -> bytes:
    event = {
        "id": id_,
        "created": 1_700_000_061,
        "livemode": True,
        "type": type_,
        "data": {"object": thing},
        "object": "event",
        "pending_webhooks": pending,
        "request": "iar_qz5G0G0ajvL8fnX9uTvTKm94",
    }
    return json.dumps(event, ensure_ascii=False).encode()
