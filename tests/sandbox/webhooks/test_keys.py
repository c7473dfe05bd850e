"""The key that the sandbox signs with, and the one of the merchant."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.settings import BadSettings
from sandbox.webhooks import keys


def test_the_key_is_made_once_and_is_private(tmp_path: Path) -> None:
    directory = tmp_path / "data" / "sandbox"
    made = keys.load_or_make(directory)
    assert keys.load_or_make(directory).private_numbers() == made.private_numbers()
    assert stat.S_IMODE(directory.stat().st_mode) == 0o700
    assert stat.S_IMODE((directory / "private_key.pem").stat().st_mode) == 0o600
    public = load_pem_public_key((directory / "public_key.pem").read_bytes())
    assert public == made.public_key()
    assert sorted(path.name for path in directory.iterdir()) == ["private_key.pem", "public_key.pem"]
    (directory / "public_key.pem").unlink()
    keys.load_or_make(directory)
    assert (directory / "public_key.pem").exists()


@pytest.mark.parametrize("content", [None, b"", b"not a key"])
def test_a_merchant_key_that_is_none_is_named(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "merchant.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(BadSettings, match=r"^SANDBOX_MERCHANT_PUBLIC_KEY_FILE: "):
        keys.read_merchant_key(path)
