"""Which language, and that both languages say everything."""

import re
from typing import Any

import pytest

from ingest.checkout.text import SCENES, WALLETS, WORDS, choose, scene


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


def test_both_languages_say_everything_with_the_same_blanks_to_fill() -> None:
    said: dict[str, dict[Any, Any]] = {**SCENES, **WORDS, **WALLETS}
    for name, both in said.items():
        assert set(both) == {"en", "zh-Hans"}, name
        blanks = [set(re.findall(r"{(\w*)}", str(words))) for words in both.values()]
        assert blanks[0] == blanks[1], name


@pytest.mark.parametrize(
    ("status", "step", "late", "name"),
    [
        ("pending", "scan", False, "scan"),
        ("paid", "checking", True, "checking"),
        ("paid", "ended", False, "paid"),
        ("paid", "ended", True, "paid_late"),
        ("refunded", "ended", True, "refunded"),
    ],
)
def test_what_is_asked_of_the_shopper_comes_before_how_it_ended(
    status: str, step: str, late: bool, name: str
) -> None:
    assert scene(status, step, late=late) == name
    assert name in SCENES
