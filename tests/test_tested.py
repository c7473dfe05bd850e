"""Each module that decides something has a test file of its name beside it; what is called otherwise is a story."""

import pytest

from tests.modules import FILES, ROOMS, ROOT, found, said

# Modules without one, and why: they only put together what others decide, or only hold data.
WITHOUT = {
    "ingest/__main__.py": "starts the process: tests/ingest/test_receiver_process.py",
    "ingest/api/openapi_schemas.py": "data, held against the rules by tests/ingest/api/test_openapi.py",
    "ingest/app.py": "puts the receiver together: tests/ingest/test_receiver_process.py and all that go through it",
    "ops/cli/__main__.py": "names the commands, which tests/test_docs.py compares with the docs",
    "ops/up/settings.py": "names and defaults without a rule",
    "payments/channels/__main__.py": "writes docs/channels.md: tests/payments/channels/test_table.py",
    "payments/metrics.py": "what it reads is told by the endpoint: tests/ingest/test_metrics.py",
    "payments/store.py": "a pair without a rule",
    "processes/finding.py": "a record without a rule",
    "sandbox/__main__.py": "starts the process: tests/sandbox/test_program.py",
    "sandbox/api/gateway.py": "names the addresses of Ping++'s API: all of tests/sandbox/api/",
    "sandbox/api/protocol.py": "one word of uvicorn's: tests/sandbox/api/test_unanswered.py",
    "sandbox/app.py": "puts the sandbox together: all of tests/sandbox/",
    "sandbox/control/calls.py": "names the addresses of fate and chaos: tests/sandbox/test_chaos.py and api/test_befall.py",
    "sandbox/html.py": "how templates are loaded: tests/sandbox/pages/test_routes.py",
    "sandbox/logs.py": "how lines look: tests/sandbox/test_program.py",
    "sandbox/world.py": "holds what a running sandbox has in hand: all of tests/sandbox/",
    "workers/__main__.py": "starts the process: tests/workers/test_worker.py",
    "workers/context.py": "a record without a rule",
    "workers/jobs.py": "names the jobs: tests/workers/test_worker.py",
    "workers/settings.py": "names and defaults: tests/test_docs.py, and the schedule in tests/payments/books/test_next_check.py",
}
MODULES = {said(path) for path in FILES if path.name != "__init__.py"}
BESIDE = {f"{path.rpartition('/')[0]}/test_{path.rpartition('/')[2]}": path for path in MODULES}
TESTS = [said(path) for room in ROOMS for path in found(f"tests/{room}", "test_*.py")]


def test_each_module_that_decides_something_has_a_test_file_of_its_name() -> None:
    tested = {BESIDE[name] for one in TESTS if (name := one.removeprefix("tests/")) in BESIDE}
    assert MODULES - tested - WITHOUT.keys() == set(), "write one; or say in WITHOUT why not"
    assert WITHOUT.keys() - (MODULES - tested) == set(), (
        "these have one, or are no more: take them out of WITHOUT"
    )


@pytest.mark.parametrize("name", [one for one in TESTS if one.removeprefix("tests/") not in BESIDE])
def test_a_test_file_of_no_module_s_name_says_that_it_is_a_story(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8").startswith('"""Story: ')
