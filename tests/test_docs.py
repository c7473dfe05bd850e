"""The docs are true: what exists is documented, and what is documented exists."""

import re
import tomllib
from pathlib import Path

import typer

from ops.cli.__main__ import app
from payments.dead_letters.reasons import REASONS
from tests.docs.env_example import OURS_ALONE, SETTINGS
from tests.modules import ROOMS, ROOT, found

DOCS = [*sorted(ROOT.glob("*.md")), *found("docs", "*.md")]


def named_in_docs(pattern: str) -> dict[Path, list[str]]:
    """What each of the docs names so. None of them naming any is a mistake of the pattern."""
    named = {path: re.findall(pattern, path.read_text(), re.MULTILINE) for path in DOCS}
    assert any(named.values()), pattern
    return {path: names for path, names in named.items() if names}


def test_every_setting_is_documented_and_every_documented_one_exists() -> None:
    exist = {name.upper() for one in SETTINGS for name in {*one.model_fields} - OURS_ALONE}
    rows = re.findall(r"^\| `([A-Z_]+)` \|", (ROOT / "docs" / "settings.md").read_text(), re.MULTILINE)
    assert rows
    assert sorted(rows) == sorted(exist)


def test_every_dependency_earns_its_place_with_a_line() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    needed = [*project["dependencies"], *project["optional-dependencies"]["dev"]]
    names = {re.match(r"[A-Za-z0-9_.-]+", one).group() for one in needed}  # type: ignore[union-attr]
    assert names
    text = (ROOT / "docs" / "dependencies.md").read_text()
    assert {name for name in names if f"`{name}`" not in text} == set()


def commands(group: typer.Typer | None) -> set[str]:
    if group is None:
        return set()
    found: set[str] = {one.name or one.callback.__name__ for one in group.registered_commands if one.callback}
    return found | {
        f"{sub.name} {one}" for sub in group.registered_groups for one in commands(sub.typer_instance)
    }


def test_every_command_that_the_docs_name_exists() -> None:
    exist = commands(app)
    words = {name.partition(" ")[0] for name in exist}
    named = named_in_docs(r"pingpp-ingest ([a-z-]+(?: [a-z]+)?)")
    for path, lines in named.items():
        for line in lines:
            first, _, second = line.partition(" ")
            assert first in words, f"{path.name}: {line}"
            groups = {name.partition(" ")[0] for name in exist if " " in name}
            if first in groups and second:
                assert line in exist, f"{path.name}: {line}"


def test_every_make_verb_that_the_docs_name_exists() -> None:
    exist = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for path, named in named_in_docs(r"(?:^    |`)make ([a-z-]+)").items():
        assert set(named) <= exist, path.name


def test_every_link_leads_somewhere() -> None:
    for path, links in named_in_docs(r"\]\(([^)#]+)").items():
        for link in links:
            assert link.startswith("https://") or (path.parent / link).exists(), f"{path.name}: {link}"


def test_every_file_that_the_docs_name_exists() -> None:
    rooms = "|".join((*ROOMS, "tests"))
    for path, names in named_in_docs(rf"`((?:{rooms})/[\w./]+\.\w+)`").items():
        for name in names:
            assert (ROOT / name).exists(), f"{path.name}: {name}"


def test_every_reason_of_a_dead_letter_in_the_code_is_explained() -> None:
    used = set()
    for path in [*found("payments", "*.py"), *found("workers", "*.py")]:
        text = path.read_text()
        used |= set(re.findall(r"(?:_Dead|Undecodable)\(\s*\"([a-z_]+)\"", text))
        used |= set(re.findall(r"dead=\"([a-z_]+)\"", text))
    assert used
    assert used <= REASONS.keys()


def test_the_message_that_is_shown_is_the_sample() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", (ROOT / "docs" / "fulfilment.md").read_text(), re.DOTALL)
    assert shown == (ROOT / "tests" / "samples" / "messages" / "paid.json").read_text()
