"""Which language, how amounts are written, that both languages say everything, and the files beside the pages."""

import re
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from ingest.checkout.money import money
from ingest.checkout.text import SCENES, WALLETS, WORDS, choose
from processes.redis_server import Server
from tests.ingest.checkout.kit import Door

CHECKOUT = Path("ingest") / "checkout"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("zh", "zh-Hans"),
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-Hans"),
        ("ZH-hans-cn", "zh-Hans"),
        ("zh-TW", "zh-Hans"),
        ("en-GB,en;q=0.9,zh;q=0.8", "en"),
        ("en;q=0.3, zh;q=0.7", "zh-Hans"),
        ("zh;q=0.5,en;q=0.5", "zh-Hans"),
        ("en;q=0.5,zh;q=0.5", "en"),
        ("fr-FR,fr;q=0.9,zh;q=0.2,en;q=0.1", "zh-Hans"),
        ("fr, de", "en"),
        ("*", "en"),
        ("zh;q=0, *", "en"),
        ("zh;q=0", "en"),
        ("zh ; q = 0.4 , en ; q=0.5", "en"),
        ("zh;q=nan", "en"),
        ("zh;q=inf", "en"),
        ("zh;q=2,en;q=0.1", "en"),
        ("zh;q=high,en;q=0.1", "en"),
        ("zhx, enx", "en"),
        (",;=,;;q", "en"),
        ("xx," * 5000 + "zh", "en"),
    ],
)
def test_the_language_that_the_browser_likes_best(header: str, language: str) -> None:
    assert choose(header) == language


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


def test_both_languages_say_everything_with_the_same_blanks_to_fill() -> None:
    said: dict[str, dict[Any, Any]] = {**SCENES, **WORDS, **WALLETS}
    for name, both in said.items():
        assert set(both) == {"en", "zh-Hans"}, name
        blanks = [set(re.findall(r"{(\w*)}", str(words))) for words in both.values()]
        assert blanks[0] == blanks[1], name


def test_files_are_kept_by_their_content_and_their_names_are_few(server: Server) -> None:
    door = Door(server.url)
    page = door.get("x" * 32).text
    (style,) = re.findall(r'href="(-/static/\w+/checkout\.css)"', page)
    kept, stale, missing, outside = door.call(
        ("GET", style),
        ("GET", "-/static/0123456789abcdef/checkout.css"),
        ("GET", "-/static/0123456789abcdef/payment.html"),
        ("GET", "-/static/x/..%2fcheckout.py"),
    )
    assert kept.headers["cache-control"] == "public, max-age=31536000, immutable"
    assert kept.headers["content-type"] == "text/css; charset=utf-8"
    # Another release's page finds the file all the same, and does not keep it under the wrong name.
    assert (stale.content, stale.headers["cache-control"]) == (kept.content, "no-store")
    assert (missing.status_code, outside.status_code) == (404, 404)
    for name, media in (("js", "text/javascript"), ("svg", "image/svg+xml")):
        assert door.get(f"-/static/0/checkout.{name}").headers["content-type"].startswith(media)


def test_no_file_asks_for_anything_from_outside() -> None:
    paths = [*(CHECKOUT / "templates").iterdir(), *(CHECKOUT / "static").iterdir()]
    assert len(paths) == 6
    for path in paths:
        text = path.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|[\"'(]//|@import|url\(", text), path


def luminance(colour: str) -> float:
    parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


def test_texts_stand_out_from_their_ground_in_light_and_dark() -> None:
    themes = [
        dict(re.findall(r"--([a-z-]+): (#\w{6});", block))
        for block in (CHECKOUT / "static" / "checkout.css")
        .read_text()
        .split("@media (prefers-color-scheme: dark)")
    ]
    assert len(themes) == 2
    for theme in themes:
        texts = [
            *product(("ink", "soft", "main", "main-strong", "warn"), ("card", "order", "ground")),
            ("warn", "warn-ground"),
            ("on-main", "main"),
            ("on-main", "main-strong"),
            ("card", "good"),
        ]
        for text, ground in texts:
            assert contrast(theme[text], theme[ground]) >= 4.5, (text, ground)
        for line in ("main", "edge", "focus", "good"):  # WCAG 1.4.11: what is no text
            assert contrast(theme[line], theme["card"]) >= 3, line
