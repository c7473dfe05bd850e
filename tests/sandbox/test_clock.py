"""The times that the sandbox goes by."""

import time

import pytest

from sandbox.clock import Clock


def test_the_clock_goes_on_from_where_it_is_when_its_pace_changes() -> None:
    clock = Clock(real=time.time() - 100, shown=5_000.0, scale=2.0)
    before = clock.now()
    assert before == pytest.approx(5_200, abs=1)
    clock.run_at(1_000)
    assert clock.now() == pytest.approx(before, abs=500)
    real, shown, scale = clock.state()
    assert Clock(real, shown, scale).now() == pytest.approx(clock.now(), abs=500)


def test_it_can_be_moved_on_and_set_right_and_nothing_that_waits_waits_twice() -> None:
    clock = Clock()
    assert clock.wall() == pytest.approx(time.time(), abs=1)
    before = clock.now()
    clock.advance(3_600)
    assert clock.wall() == pytest.approx(time.time() + 3_600, abs=1)
    assert clock.now() == pytest.approx(before + 3_600, abs=1)
    clock.set_right()
    assert clock.wall() == pytest.approx(time.time(), abs=1)
    assert clock.now() == pytest.approx(before + 3_600, abs=1)
