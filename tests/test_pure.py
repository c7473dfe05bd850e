"""What decides is pure: values in, values out. So it can be tried in any order, and nothing else has to be running."""

from pathlib import Path

import pytest

from tests.modules import NAMES, ROOT, imports, packages, said, uses

PURE = (
    "ingest/checkout/money.py",
    "ingest/checkout/qr.py",
    "ingest/checkout/text.py",
    "ingest/checkout/view.py",
    "payments/books/attempts.py",
    "payments/books/next_check.py",
    "payments/books/document.py",
    "payments/books/fold.py",
    "payments/books/join.py",
    "payments/books/laws.py",
    "payments/books/message.py",
    "payments/books/payment.py",
    "payments/books/view.py",
    "payments/books/wanted.py",
    "payments/channels/channel.py",
    "payments/channels/rules.py",
    "payments/channels/table.py",
    "payments/currency.py",
    "payments/dead_letters/evidence.py",
    "payments/dead_letters/reasons.py",
    "payments/inbox/reading.py",
    "payments/keys.py",
    "payments/members.py",
    "payments/pingpp/event.py",
    "payments/pingpp/sighting.py",
    "payments/pingpp/signature.py",
    "payments/times.py",
)
IMPURE = {
    "asyncio", "hiredis", "httpx", "os", "random", "redis", "rq", "secrets", "socket", "structlog", "subprocess",
    "threading", "time", "uuid",
}  # fmt: skip

PATHS = [ROOT / one for one in PURE]
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
