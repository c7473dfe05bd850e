"""Helps all pages of the sandbox: response headers, templates that escape all values, and forms."""

from pathlib import Path

import jinja2

Form = dict[str, str]


def headers(more: str) -> dict[str, str]:
    """The headers of every page. `more` is what the page's policy allows besides.

    Scripts and styles come only from our own files, so that text in an order cannot run as a script.
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
    """The templates in `folder`, beside the code that uses them."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
