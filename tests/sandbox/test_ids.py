"""Numbers and names in the shapes of Ping++ and the wallets."""

import re

import pytest

from sandbox import ids


@pytest.mark.parametrize(
    ("made", "shape"),
    [
        (lambda: ids.new_id("ch"), r"ch_[A-Za-z0-9]{24}"),
        (lambda: ids.letters(7), r"[A-Za-z0-9]{7}"),
        (lambda: ids.small_letters(16), r"[a-z0-9]{16}"),
        (lambda: ids.digits(20), r"[0-9]{20}"),
    ],
)  # fmt: skip
def test_each_has_its_shape_and_no_two_are_equal(made: object, shape: str) -> None:
    assert callable(made)
    found = {made() for _ in range(100)}
    assert len(found) == 100
    assert all(re.fullmatch(shape, one) for one in found)


@pytest.mark.parametrize(
    ("at", "day"),
    [(1_699_977_599, "20231114"), (1_699_977_600, "20231115"), (1_700_000_000.9, "20231115")],
)
def test_a_day_is_that_of_china(at: float, day: str) -> None:
    assert ids.day(at) == day
