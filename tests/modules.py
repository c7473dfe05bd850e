"""The modules of the product, and which of each other they import: read from the source, wherever it lies."""

import ast
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parent.parent
ROOMS = ("payments", "processes", "ingest", "workers", "ops", "sandbox")


def found(folder: str, pattern: str) -> list[Path]:
    """The files below a folder of the repository; a search that finds none is a mistake of the search."""
    paths = sorted((ROOT / folder).rglob(pattern))
    assert paths, f"nothing is called {pattern} below {folder}/"
    return paths


def said(path: Path) -> str:
    """How the path is written in the docs."""
    return path.relative_to(ROOT).as_posix()


FILES = [path for room in ROOMS for path in found(room, "*.py")]
MODULES = {said(path).removesuffix(".py").removesuffix("/__init__").replace("/", "."): path for path in FILES}
WRITTEN = [path for path in FILES if path.name != "__init__.py"]  # those hold a sentence
NAMES = {path: name for name, path in MODULES.items()}


@cache
def imports(path: Path) -> frozenset[str]:
    """The modules that a file imports, wherever in it: ours by their whole names, others' as they are written."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {one.name for one in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0 and node.module, f"{said(path)}: imports are absolute"  # noqa: PT018
            wholes = {f"{node.module}.{one.name}" for one in node.names}
            modules = wholes & MODULES.keys()
            names |= modules if modules == wholes else modules | {node.module}
    return frozenset(names)


def packages(path: Path) -> set[str]:
    """The same by their first names."""
    return {name.partition(".")[0] for name in imports(path)}


def uses(name: str) -> set[str]:
    """The modules of ours that one of ours imports."""
    return set(imports(MODULES[name]) & MODULES.keys()) - {name}
