"""Fails unless the pure modules' own tests take every branch of them: `make cover`. `test_fold.py` is fold.py's own."""

import subprocess
import sys
from pathlib import Path

from tests.modules import ROOT
from tests.test_pure import PURE


def main() -> int:
    """Run them, and report what they leave out."""
    own = [Path("tests", one).with_name(f"test_{Path(one).name}") for one in PURE]
    there = [str(path) for path in own if (ROOT / path).exists()]
    # In one process, so that all of it is measured.
    ran = _coverage("run", "-m", "pytest", "-q", "-n", "0", *there)
    only = f"--include={','.join(PURE)}"
    return ran or _coverage(
        "report", only, "--show-missing", "--skip-covered", "--fail-under=100", "--precision=2"
    )


def _coverage(*arguments: str) -> int:
    return subprocess.run([sys.executable, "-m", "coverage", *arguments], cwd=ROOT, check=False).returncode


if __name__ == "__main__":
    raise SystemExit(main())
