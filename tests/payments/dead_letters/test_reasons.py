"""Each code word of a dead letter says what happened and what to do, and each that is used has its words."""

import re

from payments.dead_letters.reasons import REASONS
from tests.modules import found


def test_each_reason_is_a_code_word_with_whole_sentences() -> None:
    for reason, words in REASONS.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", reason)
        assert re.fullmatch(r"[A-Z].*\.", words), reason


def test_each_reason_is_used_and_stands_nowhere_else_for_something_unknown() -> None:
    paths = [*found("payments", "*.py"), *found("workers", "*.py")]
    source = "\n".join(path.read_text() for path in paths if path.name != "reasons.py")
    assert [reason for reason in REASONS if f'"{reason}"' not in source] == []
