"""Writes what of the docs is drawn from the code: `make docs`."""

from tests.docs.pages import PAGES
from tests.modules import ROOT

for name, drawn in PAGES.items():
    text, path = drawn(), ROOT / name
    if not path.exists() or path.read_text(encoding="utf-8") != text:
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
        print(f"{name} is written anew.")
