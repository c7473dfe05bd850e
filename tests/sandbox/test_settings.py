"""What the sandbox reads from its environment."""

from pathlib import Path

import pytest

from sandbox.settings import BadSettings, load


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
