"""The import rule between rooms, the size of files, and that each Lua script is named by its one caller."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
ROOMS = ("payments", "processes", "ingest", "workers", "ops", "sandbox")
MAY_USE = {
    "payments": set(),
    "processes": set(),
    "ingest": {"payments", "processes"},
    "workers": {"payments", "processes"},
    "ops": {"payments", "processes"},
    "sandbox": set(),
}
ONLY_IN = {"httpx": {"payments/gateway.py"}, "rq": {"payments/bell.py", "workers/worker.py"}}
FILES = [path for room in ROOMS for path in sorted((ROOT / room).rglob("*.py"))]


def imports(path: Path) -> set[str]:
    """The top-level packages that a file imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {name.name.partition(".")[0] for name in node.names}
        elif isinstance(node, ast.ImportFrom) and node.level == 0 and node.module:
            found.add(node.module.partition(".")[0])
    return found


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_room_uses_only_the_rooms_it_may(path: Path) -> None:
    room = path.relative_to(ROOT).parts[0]
    assert imports(path) & set(ROOMS) - {room} <= MAY_USE[room]


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_is_to_be_used_in_one_place_is(path: Path) -> None:
    name = str(path.relative_to(ROOT))
    if name.startswith("sandbox/"):
        return  # a program of its own
    for package, allowed in ONLY_IN.items():
        assert package not in imports(path) or name in allowed


def test_the_business_knows_no_web_framework() -> None:
    for path in (ROOT / "payments").glob("*.py"):
        assert not imports(path) & {"starlette", "uvicorn"}


def test_flow_tests_import_nothing_of_the_product() -> None:
    for path in (ROOT / "tests" / "flow").glob("*.py"):
        assert not imports(path) & set(ROOMS), path


def test_no_file_is_too_long_to_read() -> None:
    paths = [*FILES, *(ROOT / "tests").rglob("*.py"), *ROOT.glob("*/*.lua")]
    long = {str(p.relative_to(ROOT)): n for p in paths if (n := len(p.read_text().splitlines())) > 400}
    assert not long


def test_each_script_has_one_caller() -> None:
    for path in (ROOT / "payments").glob("*.lua"):
        callers = [one for one in FILES if f'script("{path.stem}")' in one.read_text(encoding="utf-8")]
        assert len(callers) == 1, path.name
        assert path.read_text().startswith(f"-- {path.stem}: ")
