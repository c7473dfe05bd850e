"""Serves the baselines exactly as our receiver is served, so that only what the endpoints do differs."""

import base64
import binascii

import uvicorn
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from starlette.applications import Starlette
from starlette.requests import Request

from ingest.__main__ import SERVING


def serve(app: Starlette, port: int) -> None:
    """Until SIGTERM."""
    uvicorn.run(app, host="127.0.0.1", port=port, **SERVING)


class Verifier:
    """Verifies as anybody would who has read Ping++'s docs."""

    def __init__(self, public_pem: bytes) -> None:
        key = serialization.load_pem_public_key(public_pem)
        assert isinstance(key, rsa.RSAPublicKey)
        self._key = key

    def genuine(self, request: Request, body: bytes) -> bool:
        """Whether the request's signature is one of these bytes."""
        try:
            signature = base64.b64decode(request.headers.get("x-pingplusplus-signature", ""), validate=True)
            self._key.verify(signature, body, padding.PKCS1v15(), hashes.SHA256())
        except (binascii.Error, InvalidSignature):
            return False
        return True
