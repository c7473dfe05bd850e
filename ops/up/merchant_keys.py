"""Makes the secrets of a system that runs with the sandbox: the merchant's RSA key pair, and a token of its API."""

import os
import secrets
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

BITS = 2048


def make_keys(data_dir: Path) -> tuple[Path, Path]:
    """The files of the private and the public key under `data_dir`, made where they are not there yet."""
    directory = data_dir / "keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    private, public = directory / "merchant_private_key.pem", directory / "merchant_public_key.pem"
    if private.exists() and public.exists():
        return private, public
    if not private.exists():
        made = rsa.generate_private_key(public_exponent=65537, key_size=BITS)
        _write(
            private,
            made.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            ),
            0o600,
        )
    key = serialization.load_pem_private_key(private.read_bytes(), password=None)
    _write(
        public,
        key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        ),
        0o644,
    )
    return private, public


def make_token(data_dir: Path) -> Path:
    """The file of a bearer token of the merchant API under `data_dir`, made where it is not there yet."""
    directory = data_dir / "keys"
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    path = directory / "merchant_api_token"
    if not path.exists():
        _write(path, f"{secrets.token_urlsafe(32)}\n".encode(), 0o600)
    return path


def _write(path: Path, content: bytes, mode: int) -> None:
    # The file appears whole, and is at no moment readable for other users of the machine.
    new = path.with_name(f"{path.name}.new")
    new.unlink(missing_ok=True)
    with os.fdopen(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode), "wb") as file:
        file.write(content)
    new.replace(path)
