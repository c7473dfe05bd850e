"""Whole samples of what others rely on: what is told has to equal them, member by member.

The samples are the promise, the code only has to keep it. Where one is changed on purpose, `WRITE_SAMPLES=1 pytest -n 0 FILE`
writes those of that file of tests anew (and passes none of them); read the difference before you commit it.
"""

import json
import os
from collections.abc import Mapping
from typing import Any

import pytest

from tests.modules import ROOT

FOLDER = ROOT / "tests" / "samples"


def samples(folder: str) -> dict[str, Any]:
    """All of a kind, by name."""
    paths = (FOLDER / folder).glob("*.json")
    return {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in paths}


def are_samples(folder: str, told: Mapping[str, Any]) -> None:
    """Fails where one of them is not its sample, whole, or where one is missing on either side."""
    if os.environ.get("WRITE_SAMPLES"):
        for name, one in told.items():
            text = json.dumps(one, indent=2, ensure_ascii=False) + "\n"
            (FOLDER / folder / f"{name}.json").write_text(text, encoding="utf-8")
        pytest.fail(f"written anew: {', '.join(told)}")
    known = samples(folder)
    assert told.keys() == known.keys()
    for name, one in told.items():
        assert one == known[name], name
