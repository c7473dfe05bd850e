"""What the demo shop shows of a payment."""

import pytest

from sandbox.shop.views import typed_amount


@pytest.mark.parametrize(
    ("text", "amount"),
    [("12.50", 1250), ("7", 700), ("0.1", 10), (" 3.05 ", 305), ("0", None), ("1e3", None)],
)
def test_amounts_are_typed_as_people_write_them(text: str, amount: int | None) -> None:
    assert typed_amount(text) == amount
