"""Signatures: verifies Ping++'s signature of a webhook, and makes ours of a request.

Both are RSA PKCS#1 v1.5 over SHA-256, in standard base64 (Ping++ docs: webhook verification, request
signature).
"""

import base64
import binascii
import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

_PADDING = padding.PKCS1v15()
_SHA256 = hashes.SHA256()
_BLOCK = re.compile(rb"-----BEGIN [^-]+-----.*?-----END [^-]+-----", re.DOTALL)


class UnreadableKey(ValueError):
    """The bytes are not an RSA key in a form that we read; the message never holds the key itself."""


@dataclass(slots=True)
class KeyRing:
    """The public keys of Ping++: a webhook may be signed with any of them, so that a change of keys loses
    nothing.
    """

    keys: list[rsa.RSAPublicKey] = field(default_factory=list)

    def verify(self, body: bytes, signature: bytes | None) -> bool:
        """Whether `signature`, as it stood in the header, was made with one of these keys over exactly
        `body`.

        A malformed signature is a bad one, never an error. It has to be strict base64 in the standard
        alphabet, in the only way of writing it.
        """
        if not signature:
            return False
        try:
            raw = binascii.a2b_base64(signature, strict_mode=True)
        except (binascii.Error, ValueError):
            return False
        if binascii.b2a_base64(raw, newline=False) != signature:  # strict mode still lets some padding pass
            return False
        for position, key in enumerate(self.keys):
            try:
                key.verify(raw, body, _PADDING, _SHA256)
            except InvalidSignature:
                continue
            # The key in use moves to the front: after a change no webhook is tried with the old one first.
            if position:
                self.keys.insert(0, self.keys.pop(position))
            return True
        return False


def read_ring(texts: Sequence[tuple[str, bytes]]) -> KeyRing:
    """The key ring from (name, content) pairs; one content may hold several keys. Raises UnreadableKey, which
    names the pair, and where there is no key at all.
    """
    ring = KeyRing()
    for name, content in texts:
        try:
            blocks = _BLOCK.findall(content)
            if len(blocks) != content.count(b"-----BEGIN"):
                raise UnreadableKey("a PEM block without its end")  # noqa: TRY301
            ring.keys += [read_public_key(one) for one in blocks or [content]]
        except UnreadableKey as error:
            raise UnreadableKey(f"{name}: {error}") from None
    if not ring.keys:
        raise UnreadableKey("no public key is given")
    return ring


def read_public_key(content: bytes) -> rsa.RSAPublicKey:
    """Read a public key in any of the forms that occur: PEM with CRLF, with a BOM, without a final newline,
    with literal `\\n` (from an environment variable), or the bare base64 that dashboards show.

    Raises UnreadableKey.
    """
    pem = _as_pem(content, "PUBLIC KEY")
    try:
        key = serialization.load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        raise UnreadableKey(
            "not a public key: expected PEM (-----BEGIN PUBLIC KEY-----) or its base64"
        ) from None
    if not isinstance(key, rsa.RSAPublicKey):
        raise UnreadableKey("not an RSA key")
    return key


def read_private_key(content: bytes) -> rsa.RSAPrivateKey:
    """Read the merchant's private key, PKCS#1 or PKCS#8, in the forms of `read_public_key`. Raises
    UnreadableKey.
    """
    pem = _as_pem(content, "PRIVATE KEY")
    try:
        key = serialization.load_pem_private_key(pem, password=None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise UnreadableKey("not an unencrypted private key: expected PEM (PKCS#1 or PKCS#8)") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise UnreadableKey("not an RSA key")
    return key


def sign_request(key: rsa.RSAPrivateKey, body: bytes, uri: str, timestamp: int) -> str:
    """The `Pingplusplus-Signature` of a request.

    `uri` is the path with the query still encoded as it is sent; `timestamp` is in Unix seconds. The three
    are joined without separators (Ping++ docs: request signature).
    """
    signed = body + uri.encode("ascii") + str(timestamp).encode("ascii")
    return base64.b64encode(key.sign(signed, _PADDING, _SHA256)).decode("ascii")


def _as_pem(content: bytes, label: str) -> bytes:
    text = content.removeprefix(b"\xef\xbb\xbf").replace(b"\\r", b"").replace(b"\\n", b"\n")
    text = text.replace(b"\r\n", b"\n").replace(b"\r", b"\n").strip()
    if not text:
        raise UnreadableKey("empty")
    if not text.startswith(b"-----"):
        packed = b"".join(text.split())
        lines = [packed[i : i + 64] for i in range(0, len(packed), 64)]
        text = b"-----BEGIN %b-----\n%b\n-----END %b-----" % (
            label.encode(),
            b"\n".join(lines),
            label.encode(),
        )
    return text + b"\n"
