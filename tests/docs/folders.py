"""The map of the folders, each with the first line of its package's docstring."""

import ast
from pathlib import Path

from tests.modules import ROOMS, found, said


def folders() -> str:
    """A table in Markdown."""
    packages = [one.parent for room in (*ROOMS, "tests") for one in found(room, "__init__.py")]
    rows = [f"| `{said(one)}/` | {first_line(one)} |" for one in packages]
    return "\n".join(["| folder | what is in it |", "| --- | --- |", *rows, ""])


def first_line(package: Path) -> str:
    """What a package says of itself."""
    says = ast.get_docstring(ast.parse((package / "__init__.py").read_text(encoding="utf-8")))
    assert says, f"{said(package)}/__init__.py does not say what the folder is for"
    return says.partition("\n")[0]
