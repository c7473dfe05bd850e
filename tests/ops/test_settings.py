"""What commands look at, and from where."""

from pathlib import Path

import pytest

from ops.settings import CommandSettings, settings_for


@pytest.fixture(autouse=True)
def _bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name in CommandSettings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_without_an_environment_it_is_what_make_run_starts(tmp_path: Path) -> None:
    found = settings_for(None)
    assert (found.host, found.sandbox_port, found.data_dir) == ("127.0.0.1", 8090, tmp_path / "data")
    assert found.keep_bodies_s == 7 * 86_400


def test_an_option_comes_before_the_environment(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATA_DIR", "from-environment")
    monkeypatch.setenv("KEEP_BODIES_DAYS", "0.5")
    assert settings_for(None).data_dir == tmp_path / "from-environment"
    assert settings_for(Path("option")).data_dir == tmp_path / "option"
    assert settings_for(None).keep_bodies_s == 43_200


def test_a_wrong_value_ends_the_command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SANDBOX_PORT", "0")
    with pytest.raises(SystemExit) as ended:
        settings_for(None)
    assert ended.value.code == 2
    assert "SANDBOX_PORT" in capsys.readouterr().err
