"""Writes amounts for people; they are kept as integers in the smallest unit of the currency."""

from payments.currency import in_units


def money(amount: object, currency: object) -> str:
    """`100, cny` is `1.00 CNY`; what is no amount is written as it stands."""
    name = currency if isinstance(currency, str) else ""
    if not isinstance(amount, int) or isinstance(amount, bool):
        return "" if amount is None else f"{amount} {name.upper()}".strip()
    return f"{in_units(amount, name)} {name.upper()}".strip()
