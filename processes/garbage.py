"""Lets Python's garbage collector run seldom in a process that has started."""

import gc


def look_seldom(after: int) -> None:
    """Never collect the objects that exist now; collect later ones only after `after` new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(after, 20, 20)
