"""The sandbox's two times: one that dates its objects, and one that schedules its webhooks."""

import time


class Clock:
    """Both times are in seconds.

    `wall` dates the objects: Unix time, plus what it was advanced by. `now` schedules webhooks: it runs `scale` times
    as fast, and goes on after a restart from where it was.
    """

    def __init__(
        self,
        real: float | None = None,
        shown: float | None = None,
        scale: float = 1.0,
        advanced: float = 0.0,
    ) -> None:
        self._real = time.time() if real is None else real
        self._shown = self._real if shown is None else shown
        self.scale = scale
        self.advanced = advanced

    def wall(self) -> float:
        return time.time() + self.advanced

    def now(self) -> float:
        return self._shown + (time.time() - self._real) * self.scale

    def run_at(self, scale: float) -> None:
        """Change the scale from now on, for webhooks that are waiting already too."""
        self._shown, self._real, self.scale = self.now(), time.time(), scale

    def advance(self, seconds: float) -> None:
        """Move both times forward at once."""
        self._shown += seconds
        self.advanced += seconds

    def set_right(self) -> None:
        """Set `wall` back to real time. `now` stays, because going back would make webhooks wait twice."""
        self.advanced = 0.0

    def state(self) -> tuple[float, float, float]:
        return self._real, self._shown, self.scale
