"""What `make` puts into .venv, and what it says when it cannot."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def pins(name: str) -> dict[str, str]:
    """Each package of a requirements file, with its version, condition and hashes."""
    text = re.sub(r"^ +#.*\n", "", (ROOT / name).read_text(), flags=re.MULTILINE)
    return {one.partition("==")[0]: one for one in re.split(r"\n(?=\S)", text.strip())}


def make(room: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    outer = {"MAKEFLAGS", "MFLAGS", "MAKELEVEL"}  # of the make that runs these tests
    environment = {name: value for name, value in os.environ.items() if name not in outer}
    return subprocess.run(
        ["make", *arguments],
        cwd=room,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def room(tmp_path: Path) -> Path:
    """A checkout whose runtime is set up, as far as make can see."""
    for name in ("Makefile", "pyproject.toml", "requirements.txt", "requirements-dev.txt"):
        shutil.copyfile(ROOT / name, tmp_path / name)
    (tmp_path / ".venv" / "lib" / "python3" / "site-packages").mkdir(parents=True)
    (tmp_path / ".venv" / ".set-up").touch()
    return tmp_path


def test_the_tools_come_on_top_of_the_runtime_without_changing_it() -> None:
    runtime, all_of_it = pins("requirements.txt"), pins("requirements-dev.txt")
    assert len(runtime) > 20
    assert {name: all_of_it[name] for name in runtime} == runtime


@pytest.mark.parametrize("tool", ["uv", "setuptools"])
def test_what_installs_the_rest_is_cut_out_with_its_hashes(room: Path, tool: str) -> None:
    (room / "cut.mk").write_text(f"include Makefile\ncut:\n\t@$(call PINNED,{tool})\n")
    cut = make(room, "-f", "cut.mk", "cut").stdout
    assert cut.startswith(f"{tool}==")
    assert len(re.findall(r"^\S", cut, re.MULTILINE)) == 1
    assert re.findall("--hash=sha256:[0-9a-f]{64}", cut) == re.findall(
        r"--hash=\S+", pins("requirements-dev.txt")[tool]
    )


def test_help_tells_each_verb(room: Path) -> None:
    verbs = re.search(r"^\.PHONY: (.*)", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert verbs is not None
    assert re.findall(r"^  make ([\w-]+) +\S", make(room).stdout, re.MULTILINE) == verbs[1].split()


def test_a_missing_python_is_named_and_nothing_is_left(room: Path) -> None:
    shutil.rmtree(room / ".venv")
    run = make(room, "run", "PYTHON=python3.0")
    assert run.returncode != 0
    assert "There is no python3.0. Install Python 3.11 or newer, or name one: make run PYTHON=" in run.stderr
    assert not (room / ".venv").exists()


def test_what_was_broken_off_is_installed_anew(room: Path) -> None:
    packages = room / ".venv" / "lib" / "python3" / "site-packages"
    for name in ("whole", "half"):
        (packages / f"{name}-1.dist-info").mkdir()
        (packages / f"{name}-1.dist-info" / "METADATA").touch()
    (packages / "whole-1.dist-info" / "INSTALLER").touch()
    assert make(room, ".venv/.set-up-tools", "UV=true").returncode == 0
    assert [one.name for one in packages.iterdir()] == ["whole-1.dist-info"]
    assert (room / ".venv" / ".set-up-tools").exists()


def test_what_could_not_be_installed_is_not_taken_for_done(room: Path) -> None:
    assert make(room, ".venv/.set-up-tools", "UV=false", "PIP=false").returncode != 0
    assert not (room / ".venv" / ".set-up-tools").exists()
    (room / ".venv" / ".set-up").unlink()
    assert make(room, "setup", "UV=false", "PIP=false").returncode != 0
    assert not (room / ".venv" / ".set-up").exists()
