"""The demo shop says everything in both languages."""

from sandbox.shop.words import CHINESE, ENGLISH


def test_whatever_is_said_is_said_in_both_languages() -> None:
    assert ENGLISH.keys() == CHINESE.keys()
    assert [word for word, said in CHINESE.items() if said == ENGLISH[word]] == []
    assert {f"trouble_{one[3:]}" for one in ENGLISH if one.startswith("do_")} == {
        one for one in ENGLISH if one.startswith("trouble_")
    }
