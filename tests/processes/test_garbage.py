"""What has been built at the start is not looked through again and again."""

import gc
from collections.abc import Iterator

import pytest

from processes.garbage import look_seldom


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = gc.get_threshold()
    yield
    gc.unfreeze()
    gc.set_threshold(*before)


def test_what_is_here_stays_and_the_rest_is_looked_at_seldom() -> None:
    look_seldom(50_000)
    assert gc.get_freeze_count() > 1000
    assert gc.get_threshold()[0] == 50_000
    assert gc.isenabled()
