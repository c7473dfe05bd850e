"""The pages that are drawn from the code, in whole or between two marks."""

from collections.abc import Callable

from payments.channels.__main__ import document as channels
from tests.docs.env_example import env_example
from tests.docs.folders import folders
from tests.docs.status import status
from tests.modules import ROOT


def between_marks(name: str, mark: str, drawn: Callable[[], str]) -> Callable[[], str]:
    """The page as it is, with what is drawn between the marks."""
    begin, end = f"<!-- {mark}: written by `make docs` -->\n", f"<!-- end of {mark} -->\n"

    def whole() -> str:
        before, begins, rest = (ROOT / name).read_text(encoding="utf-8").partition(begin)
        _, ends, after = rest.partition(end)
        assert begins and ends, f"{name} lacks the marks of {mark}"  # noqa: PT018
        return f"{before}{begin}\n{drawn()}\n{end}{after}"

    return whole


PAGES: dict[str, Callable[[], str]] = {
    "CONTRIBUTING.md": between_marks("CONTRIBUTING.md", "folders", folders),
    "deploy/env.example": env_example,
    "docs/channels.md": channels,
    "docs/payments.md": between_marks("docs/payments.md", "status", status),
}
