"""Where Ping++ is and who we are there; what cannot be right stops the start and is named."""

from pathlib import Path
from typing import Any

import pytest

from processes.gateway_settings import GatewaySettings
from processes.settings import load


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in GatewaySettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def given(monkeypatch: pytest.MonkeyPatch, **values: str) -> GatewaySettings:
    for name, value in values.items():
        monkeypatch.setenv(name, value)
    return load(GatewaySettings)


def test_without_any_it_is_pingpp_itself_for_any_app_in_test_mode(monkeypatch: pytest.MonkeyPatch) -> None:
    found = given(monkeypatch)
    assert found.pingpp_api_base == "https://api.pingxx.com"
    assert (found.pingpp_app_ids, found.api_key, found.livemode) == ((), "", False)
    assert (found.gateway_rate, found.order_key, found.fallback_after) == (20, "order_no", 15)
    assert found.check_gaps == (15, 30, 60, 120, 300, 600)


@pytest.mark.parametrize(("key", "live"), [("sk_live_x", True), ("sk_test_x", False)])
def test_the_key_decides_the_mode_and_hides_itself(
    key: str, live: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = given(monkeypatch, PINGPP_API_KEY=key)
    assert (found.api_key, found.livemode) == (key, live)
    assert key not in repr(found)


@pytest.mark.parametrize(
    ("name", "value", "field", "read"),
    [
        ("PINGPP_APP_IDS", " app_1, app_2 ,", "pingpp_app_ids", ("app_1", "app_2")),
        ("PINGPP_API_BASE", "http://127.0.0.1:8090/", "pingpp_api_base", "http://127.0.0.1:8090"),
        ("ORDER_KEY", "metadata.shop_order", "order_key", "metadata.shop_order"),
        ("CHECK_GAPS", "1, 2.5,", "check_gaps", (1, 2.5)),
    ],
)
def test_what_is_set_is_read(
    name: str, value: str, field: str, read: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert getattr(given(monkeypatch, **{name: value}), field) == read


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PINGPP_API_KEY", "pk_live_x"),
        ("PINGPP_API_BASE", "api.pingxx.com"),
        ("ORDER_KEY", "metadata."),
        ("ORDER_KEY", "subject"),
        ("GATEWAY_RATE", "0"),
    ],
)
def test_a_wrong_value_is_named_and_no_key_is_shown(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        given(monkeypatch, **{name: value})
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert name in said
    assert "pk_live_x" not in said
