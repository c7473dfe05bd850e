"""Fates of calls to the gateway, chosen by a test: an answer is lost, a call is refused, a customer pays in between."""

import re
from typing import Annotated, Any, Literal

import msgspec

Do = Literal[
    "refuse",
    "error",
    "error_after",
    "lose_answer",
    "lose_request",
    "hang",
    "delay",
    "delay_answer",
    "pay_before",
    "pay_after",
]
HANG_MS = 60_000


class Fate(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    do: Do
    #: None: any method
    method: Annotated[str, msgspec.Meta(pattern="^[A-Z]+$")] | None = None
    #: a regular expression for the beginning of the path
    path: str = "/v1/"
    status: Annotated[int, msgspec.Meta(ge=400, le=599)] | None = None
    error: dict[str, Any] = {}
    times: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1
    delay_ms: Annotated[int, msgspec.Meta(ge=0, le=600_000)] | None = None

    def __post_init__(self) -> None:
        try:
            re.compile(self.path)
        except re.error as error:
            raise ValueError(f"path is no regular expression: {error}") from error

    @property
    def seconds(self) -> float:
        if self.delay_ms is not None:
            return self.delay_ms / 1000
        return HANG_MS / 1000 if self.do == "hang" else 0.0

    def meets(self, method: str, path: str) -> bool:
        return self.method in {None, method} and re.match(self.path, path) is not None


class Fates:
    """The fates that have not happened yet, in the order in which they were asked for."""

    def __init__(self) -> None:
        self._waiting: list[Fate] = []

    def add(self, fate: Fate) -> None:
        self._waiting.append(fate)

    def waiting(self) -> list[Fate]:
        return list(self._waiting)

    def forget(self) -> None:
        self._waiting.clear()

    def take(self, method: str, path: str) -> Fate | None:
        """The first fate that fits this call. It happens once less from now on, or is removed."""
        for place, fate in enumerate(self._waiting):
            if fate.meets(method, path):
                left = [msgspec.structs.replace(fate, times=fate.times - 1)] if fate.times > 1 else []
                self._waiting[place : place + 1] = left
                return fate
        return None
