"""The page says everything in both languages, and the reader chooses."""

import pytest

from sandbox.pages.words import CHINESE, ENGLISH, for_reader


@pytest.mark.parametrize(
    ("header", "words"),
    [
        ("", ENGLISH),
        ("zh", CHINESE),
        ("zh-TW, en;q=0.5", CHINESE),
        ("en-GB, zh;q=0.9", ENGLISH),
        ("en;q=0.3, zh-Hans;q=0.7", CHINESE),
        ("fr, zh;q=0.2", CHINESE),
        ("zh;q=0", ENGLISH),
        ("de, *;q=0.5", ENGLISH),
        ("zh;q=much", CHINESE),
        (";;,,=", ENGLISH),
    ],
)
def test_the_reader_chooses_the_language(header: str, words: dict[str, str]) -> None:
    assert for_reader(header) is words


def test_whatever_is_said_is_said_in_both_languages() -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    assert [word for word, said in CHINESE.items() if said == ENGLISH[word]] == []
