"""How many decimals a currency has: amounts are integers in its smallest unit, and are written in its own."""

# ISO 4217: the currencies whose smallest unit is not a hundredth.
_DECIMALS = dict.fromkeys(
    ("bif", "clp", "djf", "gnf", "isk", "jpy", "kmf", "krw", "pyg", "rwf", "ugx", "uyi", "vnd", "vuv", "xaf", "xof", "xpf"),
    0,
) | dict.fromkeys(("bhd", "iqd", "jod", "kwd", "lyd", "omr", "tnd"), 3) | dict.fromkeys(("clf", "uyw"), 4)  # fmt: skip


def in_units(amount: int, currency: str) -> str:
    """`1234567, cny` is `12,345.67`."""
    decimals = _DECIMALS.get(currency.lower(), 2)
    minus, digits = "-" if amount < 0 else "", f"{abs(amount):0{decimals + 1}d}"
    whole, part = (digits[:-decimals], f".{digits[-decimals:]}") if decimals else (digits, "")
    return f"{minus}{int(whole):,}{part}"
