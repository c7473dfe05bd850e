"""A finding: something that a check of the system found, and how serious it is."""

from dataclasses import dataclass
from typing import Literal

Level = Literal["refuse", "warn", "unknown"]


@dataclass(frozen=True, slots=True)
class Finding:
    """Something about a Redis that an operator should know; the message says what it is, and what to do."""

    level: Level
    code: str
    message: str
