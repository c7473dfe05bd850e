"""What the sandbox reads from its environment, and the key that it makes."""

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from sandbox.settings import BadSettings, load
from sandbox.webhooks import keys


def test_without_an_environment_everything_is_local() -> None:
    settings = load()
    assert (settings.host, settings.sandbox_port) == ("127.0.0.1", 8090)
    assert settings.webhook_url == "http://127.0.0.1:8080/webhooks"
    assert settings.directory == Path("data/sandbox")


@pytest.mark.parametrize(
    ("host", "url"),
    [("0.0.0.0", "http://127.0.0.1:9000/webhooks"), ("::1", "http://[::1]:9000/webhooks")],  # noqa: S104
)
def test_webhooks_go_to_the_receiver(host: str, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOST", host)
    monkeypatch.setenv("PORT", "9000")
    assert load().webhook_url == url
    monkeypatch.setenv("SANDBOX_WEBHOOK_URL", "https://shop.example/hooks")
    assert load().webhook_url == "https://shop.example/hooks"


def test_a_dotenv_is_read_and_what_it_says_of_others_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SANDBOX_PORT=8099\nPINGPP_APP_IDS=app_1\nSANDBOX_WEBHOOK_URL=\n")
    settings = load()
    assert settings.sandbox_port == 8099
    assert settings.sandbox_webhook_url is None


@pytest.mark.parametrize(
    ("name", "value"),
    [("SANDBOX_PORT", "http"), ("PORT", "0"), ("SANDBOX_WEBHOOK_URL", "shop.example"), ("LOG_FORMAT", "xml")],
)
def test_a_wrong_value_is_named(name: str, value: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(BadSettings, match=f"^{name}: "):
        load()


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
