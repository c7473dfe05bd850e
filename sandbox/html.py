"""What all pages of the sandbox are made with: templates that escape whatever stands in an order, and forms."""

from pathlib import Path

import jinja2

Form = dict[str, str]


def headers(more: str) -> dict[str, str]:
    """Those of every page. Nothing is inline or from anywhere else: whatever an order says, it runs no script. `more` is
    what the page is allowed beside that.
    """
    return {
        "content-security-policy": "default-src 'none'; style-src 'self'; script-src 'self'; "
        f"{more}; base-uri 'none'; frame-ancestors 'none'",
        "x-content-type-options": "nosniff",
        "referrer-policy": "same-origin",
        "cache-control": "no-store",
        "vary": "accept-language",
    }


def templates(folder: Path) -> jinja2.Environment:
    """The templates that lie beside the code which shows them."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
