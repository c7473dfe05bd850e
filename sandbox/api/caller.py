"""Checks who calls the gateway: the API key, and the signature of the merchant."""

import base64
import binascii
import re

from starlette.requests import Request

from sandbox.refusals import Refused
from sandbox.webhooks import keys
from sandbox.world import World

_KEY = re.compile(r"sk_(test|live)_[A-Za-z0-9]+")


def livemode(request: Request) -> bool:
    """The mode of the key (Ping++ docs: the key decides it). Any key of the right form is accepted."""
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    given = given.strip()
    if scheme.lower() == "basic":
        # Ping++ docs: the key is the user name, the password is empty.
        try:
            given = base64.b64decode(given, validate=True).decode("ascii").removesuffix(":")
        except (binascii.Error, ValueError):
            given = ""
    elif scheme.lower() != "bearer":
        given = ""
    match = _KEY.fullmatch(given)
    if match is None:
        raise Refused(401, "invalid_request_error", "Invalid API key: give sk_test_... or sk_live_...")
    return match[1] == "live"


def check_signature(world: World, request: Request, body: bytes) -> None:
    """Check the signature. Ping++ docs: over body + URI + timestamp; needed for POST and PUT, allowed for GET."""
    if world.merchant_key is None:
        return
    signature = request.headers.get("pingplusplus-signature")
    if signature is None:
        if request.method in {"POST", "PUT"}:
            raise Refused(401, "invalid_request_error", "The request is not signed: Pingplusplus-Signature")
        return
    timestamp = request.headers.get("pingplusplus-request-timestamp", "").encode("latin-1")
    if not timestamp.isdigit():
        raise Refused(401, "invalid_request_error", "Pingplusplus-Request-Timestamp is missing or wrong")
    if not any(
        keys.verifies(world.merchant_key, signature, body + uri + timestamp) for uri in _uris(request)
    ):
        raise Refused(401, "invalid_request_error", "The request's signature is wrong")


def _uris(request: Request) -> list[bytes]:
    path: bytes = request.scope.get("raw_path") or request.scope["path"].encode()
    query: bytes = request.scope.get("query_string", b"")
    # The official Node SDK adds a bare `?` and signs it. ASGI does not tell it from a path without a query.
    return [path + b"?" + query] if query else [path, path + b"?"]
