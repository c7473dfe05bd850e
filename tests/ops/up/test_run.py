"""What `up` decides before it starts anything: who is told what, in which order."""

from pathlib import Path

import pytest

from ops.up.run import children_of, environment_for, run_up
from ops.up.settings import SANDBOX_APP, SANDBOX_KEY, UpSettings
from sandbox.control.trigger import Batch
from sandbox.shop.merchant import SAMPLE_APP


def settings(data_dir: Path, **given: object) -> UpSettings:
    return UpSettings.model_validate({"data_dir": data_dir, **given})


def test_a_taken_port_ends_up_before_anything_starts(
    tmp_path: Path, taken: int, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_up(port=taken, data_dir=tmp_path / "data", no_sandbox=True)
    assert ended.value.code == 2
    assert str(taken) in capsys.readouterr().err
    assert not (tmp_path / "data" / "redis").exists()


def test_a_data_dir_that_cannot_be_used_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(SystemExit):
        run_up(data_dir=tmp_path / "file" / "data")
    assert "--data-dir" in capsys.readouterr().err


def test_with_the_sandbox_everything_speaks_to_it(tmp_path: Path) -> None:
    told = environment_for(settings(tmp_path, sandbox_port=9001), True, 3, console=True)
    assert told["PINGPP_API_BASE"] == "http://127.0.0.1:9001"
    assert told["PINGPP_API_KEY"] == SANDBOX_KEY
    assert told["PINGPP_APP_IDS"] == SANDBOX_APP
    assert told["PINGPP_PUBLIC_KEY_FILES"] == str(tmp_path / "sandbox" / "public_key.pem")
    assert Path(told["PINGPP_PRIVATE_KEY_FILE"]).exists()
    assert Path(told["SANDBOX_MERCHANT_PUBLIC_KEY_FILE"]).exists()
    token = Path(told["MERCHANT_API_TOKENS_FILE"])
    assert len(token.read_text().strip()) > 32
    assert token.stat().st_mode & 0o777 == 0o600
    assert told["EVENT_WORKERS"] == "3"
    assert told["LOG_FORMAT"] == "console"


def test_what_the_user_has_set_wins(tmp_path: Path) -> None:
    own = settings(
        tmp_path,
        pingpp_api_key="sk_live_of_my_own",
        pingpp_app_ids="app_of_my_own",
        pingpp_private_key_file="mine.pem",
        pingpp_public_key_files="theirs.pem",
        merchant_api_tokens="mine",
        log_format="json",
    )
    told = environment_for(own, True, None, console=True)
    ours_only_where_theirs_is_not = {"PINGPP_API_KEY", "PINGPP_APP_IDS", "PINGPP_PRIVATE_KEY_FILE"}
    assert not told.keys() & {*ours_only_where_theirs_is_not, "EVENT_WORKERS", "LOG_FORMAT"}
    assert "MERCHANT_API_TOKENS_FILE" not in told
    assert "SANDBOX_MERCHANT_PUBLIC_KEY_FILE" not in told  # it would not belong to that private key
    assert told["PINGPP_PUBLIC_KEY_FILES"] == f"theirs.pem,{tmp_path / 'sandbox' / 'public_key.pem'}"
    assert not (tmp_path / "keys").exists()


def test_the_app_is_the_one_that_the_sandbox_uses_by_itself() -> None:
    assert SANDBOX_APP == SAMPLE_APP == Batch().app


def test_without_the_sandbox_ping_is_as_the_environment_says(tmp_path: Path) -> None:
    told = environment_for(settings(tmp_path), False, None, console=False)
    assert not [name for name in told if name.startswith("PINGPP_")]
    assert not (tmp_path / "keys").exists()


def test_what_others_need_starts_first_and_stops_last(tmp_path: Path) -> None:
    children = children_of(settings(tmp_path), True, {})
    assert [(one.name, one.start, one.stop) for one in children] == [
        ("redis", 0, 3),
        ("sandbox", 0, 2),
        ("receiver", 1, 0),
        ("worker", 1, 1),
        ("scheduler", 1, 1),
    ]
    own = settings(tmp_path, redis_url="redis://elsewhere")
    assert [one.name for one in children_of(own, False, {})] == ["receiver", "worker", "scheduler"]
