"""The sandbox's own key, made once: making an RSA key takes longer than most tests do."""

import functools
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa


def give(data_dir: Path) -> None:
    """What starts there finds the key that it would make."""
    directory = data_dir / "sandbox"
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "private_key.pem").write_bytes(_pem())


@functools.cache
def _pem() -> bytes:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
