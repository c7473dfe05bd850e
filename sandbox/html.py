"""What all pages of the sandbox are made with: templates that escape whatever stands in an order, and forms."""

from pathlib import Path

import jinja2

Form = dict[str, str]


def templates(folder: Path) -> jinja2.Environment:
    """The templates that lie beside the code which shows them."""
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(folder / "templates"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
