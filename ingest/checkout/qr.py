"""Draws QR codes as SVG."""

from functools import lru_cache

import segno

QUIET = 4  # modules of white around it (ISO/IEC 18004)


@lru_cache(maxsize=512)  # drawing takes milliseconds of a process that has webhooks to answer
def svg(text: str) -> bytes | None:
    """The code as a picture without a size of its own; None for what is too long for one.

    Runs of dark modules are rectangles with crisp edges: smoothed ones leave hairlines between the rows.
    """
    try:
        code = segno.make(text, error="m", micro=False)  # M at the least: more where it costs no room
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
    """Where dark modules begin, and how many there are."""
    found: list[tuple[int, int]] = []
    for x, dark in enumerate(row):
        if not dark:
            continue
        if found and sum(found[-1]) == x:
            found[-1] = found[-1][0], found[-1][1] + 1
        else:
            found.append((x, 1))
    return found
