"""The wheel holds all that lies in the rooms: scripts, templates and pictures too, which a move leaves behind unseen."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from tests.modules import ROOMS, ROOT, found, said

BUILD = "import sys; from setuptools.build_meta import build_wheel; build_wheel(sys.argv[1])"


def test_the_wheel_holds_every_file_of_every_room(tmp_path: Path) -> None:
    copy = tmp_path / "copy"  # so that nothing of an earlier build is in it
    unbuilt = shutil.ignore_patterns("__pycache__")
    for room in ROOMS:
        shutil.copytree(ROOT / room, copy / room, ignore=unbuilt)
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copyfile(ROOT / name, copy / name)
    built = subprocess.run(
        [sys.executable, "-c", BUILD, str(tmp_path)], cwd=copy, capture_output=True, text=True, check=False
    )
    assert built.returncode == 0, built.stderr
    (wheel,) = tmp_path.glob("*.whl")
    held = {name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name}
    lie_there = {said(path) for room in ROOMS for path in found(room, "*") if path.is_file()}
    assert held == {name for name in lie_there if "/__pycache__/" not in name}
