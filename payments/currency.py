"""Writes amounts for people: they are kept as integers in minor currency units (fen), and shown in yuan."""

# ISO 4217: the currencies whose smallest unit is not a hundredth.
_DECIMALS = dict.fromkeys(
    ("bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "pyg", "rwf", "ugx", "uyi", "vnd", "vuv", "xaf", "xof", "xpf"),
    0,
) | dict.fromkeys(("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"), 3) | dict.fromkeys(("clf", "uyw"), 4)  # fmt: skip


def in_units(amount: int, currency: str) -> str:
    """An amount in minor units, as a decimal number: `1234567, cny` is `12,345.67`."""
    decimals = _DECIMALS.get(currency.lower(), 2)
    minus, digits = "-" if amount < 0 else "", f"{abs(amount):0{decimals + 1}d}"
    whole, part = (digits[:-decimals], f".{digits[-decimals:]}") if decimals else (digits, "")
    return f"{minus}{int(whole):,}{part}"


def money(amount: object, currency: object) -> str:
    """The same with the currency: `100, cny` is `1.00 CNY`. A value that is no amount is written as it is."""
    name = currency if isinstance(currency, str) else ""
    if not isinstance(amount, int) or isinstance(amount, bool):
        return "" if amount is None else f"{amount} {name.upper()}".strip()
    return f"{in_units(amount, name)} {name.upper()}".strip()
