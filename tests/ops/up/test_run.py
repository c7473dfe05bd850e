"""What `up` decides before it starts anything, and what it tells a second terminal."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_pem_public_key

from ops.up.merchant_keys import make_keys
from ops.up.ports import port_problem, ports_problem
from ops.up.run import children_of, describe, environment_for, run_up
from ops.up.running import Up, UpAlready, announce, only_one, running
from ops.up.settings import SANDBOX_APP, SANDBOX_KEY, UpSettings
from ops.up.welcome import welcome
from processes.address import address
from sandbox.control.trigger import Batch
from sandbox.shop.merchant import SAMPLE_APP
from tests.ports import free_port

UP = Up(12, "2026-01-01T00:00:00+00:00", "http://127.0.0.1:8080", None, {"receiver": 8080})


@pytest.fixture
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as one:
        yield one.getsockname()[1]


def settings(data_dir: Path, **given: object) -> UpSettings:
    return UpSettings.model_validate({"data_dir": data_dir, **given})


def test_a_taken_port_is_named_with_a_free_one(taken: int) -> None:
    said = ports_problem("127.0.0.1", {"receiver": taken, "sandbox": taken + 1})
    assert said is not None
    assert f"Port {taken} for the receiver is taken." in said
    assert "pingpp-ingest up --port " in said
    assert f"--port {taken + 1}" not in said  # that one is the sandbox's
    assert port_problem("127.0.0.1", taken) == "is taken"


def test_free_ports_are_no_problem(taken: int) -> None:
    free = free_port()
    assert ports_problem("127.0.0.1", {"receiver": free}) is None
    assert taken != free


def test_one_port_cannot_serve_two() -> None:
    free = free_port()
    said = ports_problem("127.0.0.1", {"receiver": free, "sandbox": free})
    assert said is not None
    assert "--sandbox-port" in said


def test_a_host_that_is_not_ours_is_named() -> None:
    said = port_problem("192.0.2.1", 8080)
    assert said is not None
    assert "cannot be used" in said


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


def test_a_second_terminal_finds_what_runs(tmp_path: Path) -> None:
    assert running(tmp_path) is None
    with only_one(tmp_path):
        assert running(tmp_path) is None  # it is starting
        announce(tmp_path, UP)
        assert running(tmp_path) == UP
        with pytest.raises(UpAlready, match="pid 12"), only_one(tmp_path):
            pass
        assert running(tmp_path) == UP
    assert running(tmp_path) is None
    assert not (tmp_path / "up.json").exists()


def test_what_a_crash_leaves_behind_runs_nothing(tmp_path: Path) -> None:
    with only_one(tmp_path):
        pass
    announce(tmp_path, UP)
    assert running(tmp_path) is None


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


def test_the_welcome_says_what_to_do_next(tmp_path: Path) -> None:
    own = settings(tmp_path)
    text = welcome(describe(own, True), own, 2.0)
    assert "http://127.0.0.1:8080/webhooks" in text
    for command in ("trigger charge.succeeded", "fulfilment tail --from-start", "dead-letters list"):
        assert command in text
    assert "trigger" not in welcome(describe(own, False), own, 2.0)
    hidden = settings(tmp_path, redis_url="redis://:secret@elsewhere")
    assert "secret" not in welcome(describe(hidden, False), hidden, 2.0)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104  nothing is bound here
        ("::", "http://[::1]:80"),
        ("shop.example", "http://shop.example:80"),
    ],
)
def test_an_address_to_listen_on_becomes_one_to_call(host: str, expected: str) -> None:
    assert address(host, 80) == expected
