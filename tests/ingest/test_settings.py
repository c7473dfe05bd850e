"""What a receiver serves, and what it needs for that."""

from pathlib import Path
from typing import Any

import pytest

from ingest.settings import ReceiverSettings
from processes.settings import load

KEY = Path("public.pem")


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ReceiverSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def given(**values: Any) -> ReceiverSettings:
    return load(ReceiverSettings, **{"pingpp_public_key_files": (KEY,), **values})


def refused(capsys: pytest.CaptureFixture[str], **values: Any) -> str:
    with pytest.raises(SystemExit) as ended:
        given(**values)
    assert ended.value.code == 2
    return capsys.readouterr().err


def test_all_is_served_unless_some_is_named() -> None:
    assert given().serve == ("webhooks", "api", "checkout")
    assert given(serve=" webhooks, checkout,").serve == ("webhooks", "checkout")


@pytest.mark.parametrize("serve", ["", ",", "webhook", "webhooks,console"])
def test_a_surface_that_is_none_stops_the_start(serve: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert "webhooks, api, checkout" in refused(capsys, serve=serve)


def test_without_a_key_no_webhook_could_be_verified(capsys: pytest.CaptureFixture[str]) -> None:
    assert "PINGPP_PUBLIC_KEY_FILES" in refused(capsys, pingpp_public_key_files="")
    assert load(ReceiverSettings, serve="checkout").pingpp_public_key_files == ()
    assert given(pingpp_public_key_files=" a.pem, b.pem,").pingpp_public_key_files == (
        Path("a.pem"),
        Path("b.pem"),
    )


def test_the_api_needs_a_key_and_tokens_and_is_missed_only_where_it_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert given().api_missing == "PINGPP_API_KEY and MERCHANT_API_TOKENS"
    assert given(pingpp_api_key="sk_test_x").api_missing == "MERCHANT_API_TOKENS"
    assert given(pingpp_api_key="sk_test_x", merchant_api_tokens="t").api_missing == ""
    assert "MERCHANT_API_TOKENS" in refused(capsys, serve="api", pingpp_api_key="sk_test_x")


def test_tokens_are_listed_and_hidden() -> None:
    found = given(merchant_api_tokens=" one,two ,")
    assert found.tokens == (b"one", b"two")
    assert "two" not in repr(found)
    assert given().tokens == ()


@pytest.mark.parametrize(
    ("values", "url"),
    [
        ({}, "http://127.0.0.1:8080"),
        ({"host": "0.0.0.0", "port": 80}, "http://127.0.0.1:80"),  # noqa: S104  nothing listens
        ({"host": "::"}, "http://[::1]:8080"),
        ({"host": "pay.example"}, "http://pay.example:8080"),
        ({"public_url": "https://pay.example/shop/"}, "https://pay.example/shop"),
    ],
)
def test_what_shoppers_reach_us_by(values: dict[str, Any], url: str) -> None:
    assert given(**values).shoppers_url == url


def test_an_address_without_a_scheme_is_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert "PUBLIC_URL" in refused(capsys, public_url="pay.example")
