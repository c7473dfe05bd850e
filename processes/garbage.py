"""Keeps Python's garbage collector out of the way of a process that has started."""

import gc


def look_seldom(after: int) -> None:
    """What is here by now stays; only what the work leaves behind is looked at, after so many new objects."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(after, 20, 20)
