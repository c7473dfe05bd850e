"""How amounts are written for shoppers."""

import pytest

from ingest.checkout.money import money


@pytest.mark.parametrize(
    ("amount", "currency", "english", "chinese"),
    [
        (1234, "cny", "CN¥12.34", "¥12.34"),
        (1, "cny", "CN¥0.01", "¥0.01"),
        (100_000_000, "CNY", "CN¥1,000,000.00", "¥1,000,000.00"),
        (1234, "usd", "US$12.34", "US$12.34"),
        (1234, "hkd", "HK$12.34", "HK$12.34"),
        (1234, "jpy", "¥1,234", "JP¥1,234"),
        (50_000, "krw", "₩50,000", "₩50,000"),
        (120_000, "vnd", "₫120,000", "₫120,000"),
        (9990, "clp", "CLP\u00a09,990", "CLP\u00a09,990"),
        (1234, "kwd", "KWD\u00a01.234", "KWD\u00a01.234"),
        (5, "bhd", "BHD\u00a00.005", "BHD\u00a00.005"),
        (12_345, "clf", "CLF\u00a01.2345", "CLF\u00a01.2345"),
        (1234, "eur", "€12.34", "€12.34"),
        (1234, "sgd", "SGD\u00a012.34", "SGD\u00a012.34"),
        (-1234, "cny", "-CN¥12.34", "-¥12.34"),
    ],
)
def test_amounts_are_written_as_shoppers_read_them(
    amount: int, currency: str, english: str, chinese: str
) -> None:
    assert (money(amount, currency, "en"), money(amount, currency, "zh-Hans")) == (english, chinese)
