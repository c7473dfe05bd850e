"""What is drawn from the code says what the code says, and settings written as they are shown are read as they are."""

import os
from pathlib import Path
from typing import Any

import pytest
from pydantic_settings import BaseSettings

from ingest.settings import ReceiverSettings
from tests.docs.env_example import SETTINGS, env_example
from tests.docs.pages import PAGES
from tests.modules import ROOT, WRITTEN, said
from workers.settings import WorkerSettings

NEEDED: dict[type[BaseSettings], dict[str, Any]] = {
    # `api` among what it serves, where that is said and not only meant, needs the keys
    ReceiverSettings: {
        "pingpp_public_key_files": "a.pem",
        "pingpp_api_key": "sk_test_1",
        "merchant_api_tokens": "t",
    },
    WorkerSettings: {"pingpp_api_key": "sk_test_1"},
}


@pytest.mark.parametrize("name", PAGES)
def test_a_page_is_as_it_is_drawn(name: str) -> None:
    assert (ROOT / name).read_text(encoding="utf-8") == PAGES[name](), "make docs writes it anew"


def test_each_folder_is_a_package_that_says_what_it_is_for() -> None:
    shown = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
    assert [one for one in {said(path.parent) for path in WRITTEN} if f"\n| `{one}/` |" not in shown] == []


@pytest.mark.parametrize("settings", SETTINGS, ids=lambda one: f"{one.__module__}.{one.__name__}")
def test_each_default_that_is_shown_is_the_default(
    settings: type[BaseSettings], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in {*os.environ} & {name.upper() for name in settings.model_fields}:
        monkeypatch.delenv(name)
    needed = NEEDED.get(settings, {})
    untold = settings(**needed, _env_file=None)
    file = tmp_path / "all.env"
    file.write_text(
        "\n".join(line.removeprefix("#") for line in env_example().splitlines() if line[:2] != "# ")
    )
    assert settings(**needed, _env_file=file) == untold
