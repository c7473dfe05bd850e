"""Something that a check of the system found, and how grave it is."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["refuse", "warn", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a Redis that a person should know: what it is, what it means, what to do."""

    level: Level
    code: str
    message: str
