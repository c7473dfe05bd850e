"""Whole samples of what others rely on: what is told has to equal them, member by member.

The samples are the promise, the code only has to keep it. Where one is changed on purpose, `WRITE_SAMPLES=1 pytest -n 0 FILE`
writes those of that file of tests anew (and passes none of them); read the difference before you commit it.
"""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from tests.modules import ROOT

FOLDER = ROOT / "tests" / "samples"


def sample(name: str) -> Any:
    """The sample `<folder>/<name>`."""
    return json.loads(_path(name).read_text(encoding="utf-8"))


def names(folder: str) -> set[str]:
    """All that there are of a kind."""
    return {path.stem for path in (FOLDER / folder).glob("*.json")}


def is_sample(name: str, told: Any) -> None:
    """Fails where what is told is not the sample, whole."""
    if os.environ.get("WRITE_SAMPLES"):
        _path(name).write_text(json.dumps(told, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        pytest.fail(f"{name} was written anew")
    assert told == sample(name)


def _path(name: str) -> Path:
    return FOLDER / f"{name}.json"
