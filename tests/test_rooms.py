"""The import rule between rooms, what is used in one place only, and that each Lua script lies beside its one caller."""

import re
from pathlib import Path

import pytest

from tests.modules import FILES, ROOMS, found, packages, said

MAY_USE = {
    "payments": set(),
    "processes": set(),
    "ingest": {"payments", "processes"},
    "workers": {"payments", "processes"},
    "ops": {"payments", "processes"},
    "sandbox": set(),
}
ONLY_IN = {"httpx": {"payments/http.py"}, "rq": {"payments/bell.py", "workers/rq_worker.py"}}
OURS = [path for path in FILES if not said(path).startswith("sandbox/")]  # that is a program of its own


@pytest.mark.parametrize("path", FILES, ids=said)
def test_a_room_uses_only_the_rooms_it_may(path: Path) -> None:
    room = said(path).partition("/")[0]
    assert packages(path) & set(ROOMS) - {room} <= MAY_USE[room]


@pytest.mark.parametrize("package", ONLY_IN)
def test_what_is_to_be_used_in_one_place_is(package: str) -> None:
    users = {said(path) for path in OURS if package in packages(path)}
    assert users, f"nobody imports {package}: the rule has lost its object"
    assert users <= ONLY_IN[package]


def test_the_business_knows_no_web_framework() -> None:
    knowing = [said(path) for path in found("payments", "*.py") if packages(path) & {"starlette", "uvicorn"}]
    assert knowing == []


def test_flow_tests_import_nothing_of_the_product() -> None:
    importing = [said(path) for path in found("tests/flow", "*.py") if packages(path) & set(ROOMS)]
    assert importing == []


def test_each_script_lies_beside_its_one_caller() -> None:
    for path in found("payments", "*.lua"):
        call = re.compile(rf'\bscript\((?:[^()]*, )?"{path.stem}"\)')
        callers = [one for one in FILES if call.search(one.read_text(encoding="utf-8"))]
        assert [one.parent for one in callers] == [path.parent], said(path)
        assert path.read_text().startswith(f"-- {path.stem}: "), said(path)
