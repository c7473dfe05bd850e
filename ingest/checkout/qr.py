"""Draws QR codes as SVG."""

from functools import lru_cache

import segno

QUIET = 4  # white modules around the code (ISO/IEC 18004)


@lru_cache(maxsize=512)  # drawing takes milliseconds, and webhooks wait meanwhile
def svg(text: str) -> bytes | None:
    """The code as an SVG picture that takes the size of its place; None: the text is too long for a QR code.

    Runs of dark modules are rectangles with crisp edges. Smooth edges would leave thin lines between the rows.
    """
    try:
        # Level M at least; segno takes a higher level if the code does not grow by it.
        code = segno.make(text, error="m", micro=False)
    except ValueError:  # segno.DataOverflowError is one
        return None
    size = len(code.matrix) + 2 * QUIET
    runs = "".join(
        f"M{x + QUIET} {y + QUIET}h{length}v1h-{length}z"
        for y, row in enumerate(code.matrix)
        for x, length in _runs(row)
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}" shape-rendering="crispEdges">'
        f'<path fill="#fff" d="M0 0h{size}v{size}H0z"/><path fill="#000" d="{runs}"/></svg>'
    ).encode()


def _runs(row: bytes | bytearray) -> list[tuple[int, int]]:
    """The runs of dark modules in a row: pairs of the first column and the length."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if not dark:
            continue
        if found and sum(found[-1]) == x:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((x, 1))
    return found
