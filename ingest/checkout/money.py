"""Writes amounts as shoppers read them, from integers in the smallest unit of the currency."""

from payments.currency import in_units

# Signs as in CLDR. A bare `$` is not used, because it stands for many currencies. A currency without a sign here
# is written with its code.
_SIGNS = {
    "aud": "A$",
    "brl": "R$",
    "cad": "CA$",
    "cny": "CN¥",
    "eur": "€",
    "gbp": "£",
    "hkd": "HK$",
    "inr": "₹",
    "jpy": "¥",
    "krw": "₩",
    "nzd": "NZ$",
    "php": "₱",
    "twd": "NT$",
    "usd": "US$",
    "vnd": "₫",
}
_SIGNS_IN = {"zh-Hans": {"cny": "¥", "jpy": "JP¥", "aud": "AU$"}}


def money(amount: int, currency: str, language: str) -> str:
    """An amount in minor currency units as text: `1234, cny` is `CN¥12.34` in English and `¥12.34` in Chinese."""
    name = currency.lower()
    number = in_units(amount, name)
    # Between code and amount stands a no-break space.
    sign = _SIGNS_IN.get(language, {}).get(name) or _SIGNS.get(name) or f"{name.upper()}\N{NO-BREAK SPACE}"
    return f"-{sign}{number[1:]}" if amount < 0 else f"{sign}{number}"
