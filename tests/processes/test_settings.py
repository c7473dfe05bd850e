"""Where settings come from, and what is said of a wrong one."""

from pathlib import Path

import pytest
from pydantic import SecretStr

from processes.settings import Settings, load


class Some(Settings):
    api_token: SecretStr
    port: int = 1


@pytest.fixture(autouse=True)
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("API_TOKEN", "API_TOKEN_FILE", "PORT", "DATA_DIR", "REDIS_URL"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_wins_over_a_file_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("API_TOKEN=from-file\nPORT=2\n")
    assert (load(Some).api_token.get_secret_value(), load(Some).port) == ("from-file", 2)
    monkeypatch.setenv("API_TOKEN", "from-environment")
    assert load(Some).api_token.get_secret_value() == "from-environment"


@pytest.mark.parametrize("where", ["environment", "dotenv"])
def test_a_secret_may_stand_in_a_file_of_its_own(where: str, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("secret").write_text("  hidden\n")
    if where == "dotenv":
        Path(".env").write_text("API_TOKEN_FILE=secret\n")
    else:
        monkeypatch.setenv("API_TOKEN_FILE", "secret")
    assert load(Some).api_token.get_secret_value() == "hidden"
    assert "hidden" not in repr(load(Some))


def test_a_wrong_value_is_named_and_not_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("PORT", "hunter2")
    with pytest.raises(SystemExit) as ended:
        load(Some)
    said = capsys.readouterr().err
    assert ended.value.code == 2
    assert "PORT" in said
    assert "API_TOKEN" in said
    assert "hunter2" not in said


def test_a_secret_file_that_cannot_be_read_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("API_TOKEN_FILE", "nowhere")
    with pytest.raises(SystemExit):
        load(Some)
    assert "API_TOKEN_FILE" in capsys.readouterr().err
