"""The sandbox's RSA key, which signs webhooks in place of Ping++'s key."""

import base64
import binascii
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.settings import BadSettings


def load_or_make(directory: Path) -> rsa.RSAPrivateKey:
    """The key in `directory`, made at the first start.

    Each file appears whole or not at all, and the public one last: once it is there, both can be used.
    """
    directory.parent.mkdir(parents=True, exist_ok=True)
    directory.mkdir(mode=0o700, exist_ok=True)
    directory.chmod(0o700)
    private_path, public_path = directory / "private_key.pem", directory / "public_key.pem"
    if private_path.exists():
        key = _read_private(private_path)
    else:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
        _place(private_path, pem, 0o600)
    if not public_path.exists() or public_path.read_bytes() != public_pem(key):
        _place(public_path, public_pem(key), 0o644)
    return key


def public_pem(key: rsa.RSAPrivateKey) -> bytes:
    return key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )


def sign(key: rsa.RSAPrivateKey, body: bytes) -> str:
    """The signature. Ping++ docs: base64 of RSA PKCS#1 v1.5 with SHA-256, over the raw body alone."""
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), hashes.SHA256())).decode("ascii")


def verifies(key: rsa.RSAPublicKey, signature: str, message: bytes) -> bool:
    try:
        raw = base64.b64decode(signature, validate=True)
    except (binascii.Error, ValueError):
        return False
    try:
        key.verify(raw, message, padding.PKCS1v15(), hashes.SHA256())
    except InvalidSignature:
        return False
    return True


def read_merchant_key(path: Path) -> rsa.RSAPublicKey:
    name = "SANDBOX_MERCHANT_PUBLIC_KEY_FILE"
    try:
        key = serialization.load_pem_public_key(path.read_bytes())
    except OSError as error:
        raise BadSettings(f"{name}: {path} cannot be read: {error.strerror}") from error
    except ValueError as error:
        raise BadSettings(f"{name}: {path} holds no public key in PEM form") from error
    if not isinstance(key, rsa.RSAPublicKey):
        raise BadSettings(f"{name}: {path} holds a key that is not RSA")
    return key


def _read_private(path: Path) -> rsa.RSAPrivateKey:
    try:
        # The sandbox made this key. To check again that its primes are prime would be the slowest part of the start.
        key = serialization.load_pem_private_key(
            path.read_bytes(), password=None, unsafe_skip_rsa_key_validation=True
        )
    except (OSError, ValueError) as error:
        raise BadSettings(f"DATA_DIR: the sandbox's key {path} cannot be read ({error})") from error
    if not isinstance(key, rsa.RSAPrivateKey):
        raise BadSettings(f"DATA_DIR: the sandbox's key {path} is not RSA")
    return key


def _place(path: Path, data: bytes, mode: int) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)
