"""Amounts for people, in the unit of the currency (ISO 4217)."""

import pytest

from payments.currency import in_units, money


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (1_234_567, "cny", "12,345.67"),
        (5, "CNY", "0.05"),
        (0, "cny", "0.00"),
        (-5, "cny", "-0.05"),
        (-123_456, "usd", "-1,234.56"),
        (1234, "jpy", "1,234"),
        (0, "krw", "0"),
        (1234, "kwd", "1.234"),
        (1, "bhd", "0.001"),
        (12_345, "clf", "1.2345"),
        (100, "not known", "1.00"),
    ],
)
def test_an_amount_is_written_with_the_decimals_of_its_currency(
    amount: int, currency: str, said: str
) -> None:
    assert in_units(amount, currency) == said


@pytest.mark.parametrize(
    ("amount", "currency", "said"),
    [
        (100, "cny", "1.00 CNY"),
        (100, None, "1.00"),
        (None, "cny", ""),
        ("100", "cny", "100 CNY"),
        (True, "cny", "True CNY"),
        (1.5, 7, "1.5"),
    ],
)
def test_what_is_no_amount_is_written_as_it_stands(amount: object, currency: object, said: str) -> None:
    assert money(amount, currency) == said
