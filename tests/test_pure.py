"""What decides is pure: values in, values out. So it can be tried in any order, and nothing else has to be running."""

from pathlib import Path

import pytest

from tests.modules import NAMES, ROOT, imports, packages, said, uses

# Room and name of each pure module, in whatever folder of the room it lies; after a `|` the name that it may have there.
PURE = (
    "payments/attempts",
    "payments/channel_rules|rules",
    "payments/channels|table",
    "payments/checks",
    "payments/currency",
    "payments/event",
    "payments/fold",
    "payments/keys",
    "payments/message",
    "payments/payment",
    "payments/sighting",
    "payments/signature",
    "payments/view",
    "workers/reading",
    "ingest/checkout_qr|qr",
    "ingest/checkout_text|text",
    "ingest/checkout_view|view",
    "ingest/money",
)
IMPURE = {
    "asyncio", "hiredis", "httpx", "os", "random", "redis", "rq", "secrets", "socket", "structlog", "subprocess",
    "threading", "time", "uuid",
}  # fmt: skip


def paths_of(pure: str) -> list[Path]:
    room, _, names = pure.partition("/")
    there = [path for name in names.split("|") for path in (ROOT / room).rglob(f"{name}.py")]
    assert there, f"{pure} is not there any more: how is it called now?"
    return there


PATHS = sorted(path for one in PURE for path in paths_of(one))
PURE_NAMES = {NAMES[path] for path in PATHS}


@pytest.mark.parametrize("path", PATHS, ids=said)
def test_a_pure_module_imports_nothing_that_acts_or_waits_or_looks_at_a_clock(path: Path) -> None:
    assert packages(path) & IMPURE == set()


@pytest.mark.parametrize("path", PATHS, ids=said)
def test_a_pure_module_imports_only_pure_modules_of_ours(path: Path) -> None:
    assert uses(NAMES[path]) - PURE_NAMES == set()


def test_the_folders_above_pure_modules_import_nothing() -> None:
    folders = {one for path in PATHS for one in path.parents if one.is_relative_to(ROOT) and one != ROOT}
    assert [said(one) for one in folders if imports(one / "__init__.py")] == []
