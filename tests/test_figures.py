"""What keeps the house readable, in figures: no circle of imports, small modules, folders that an eye can take in."""

from collections import Counter
from graphlib import CycleError, TopologicalSorter
from statistics import median

import pytest

from tests.modules import FILES, MODULES, WRITTEN, found, said, uses

MOST_LINES = 400
MEDIAN_LINES = 120
MOST_MODULES = 22  # in one folder


def test_no_modules_import_each_other_in_a_circle() -> None:
    try:
        TopologicalSorter({name: uses(name) for name in MODULES}).prepare()
    except CycleError as error:
        pytest.fail(" <- ".join(error.args[1]))


def test_no_file_is_too_long_to_read() -> None:
    paths = [*FILES, *found("tests", "*.py"), *found("payments", "*.lua")]
    long = {said(path): n for path in paths if (n := len(path.read_text().splitlines())) > MOST_LINES}
    assert long == {}, f"more than {MOST_LINES} lines: which two nouns are in it?"


def test_half_of_the_modules_fit_on_two_screens() -> None:
    lines = {said(path): len(path.read_text().splitlines()) for path in WRITTEN}
    longest = sorted(lines, key=lambda name: -lines[name])[:10]
    assert median(lines.values()) <= MEDIAN_LINES, f"the longest: {longest}"


def test_no_folder_holds_more_than_an_eye_takes_in() -> None:
    counts = Counter(said(path.parent) for path in WRITTEN)
    full = {folder: n for folder, n in counts.items() if n > MOST_MODULES}
    assert full == {}, f"more than {MOST_MODULES} modules: which of them share a noun?"
