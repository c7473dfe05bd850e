"""The keys that `up` makes for the merchant."""

from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ops.up.merchant_keys import make_keys


def test_the_merchants_keys_are_made_once_and_belong_together(tmp_path: Path) -> None:
    private, public = make_keys(tmp_path)
    first = private.read_bytes()
    assert private.stat().st_mode & 0o777 == 0o600
    assert make_keys(tmp_path) == (private, public)
    assert private.read_bytes() == first
    ours = load_pem_private_key(first, password=None).public_key()
    assert load_pem_public_key(public.read_bytes()) == ours
    public.unlink()
    make_keys(tmp_path)
    assert load_pem_public_key(public.read_bytes()) == ours
