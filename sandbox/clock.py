"""The times that the sandbox goes by: that of what it shows, and that by which webhooks are repeated."""

import time


class Clock:
    """`wall` is the world's time, unless it was moved on. `now` are seconds that also pass `scale` times as fast, and
    go on from where they were after a restart.
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
        """What is already waiting waits by the new scale from now on."""
        self._shown, self._real, self.scale = self.now(), time.time(), scale

    def advance(self, seconds: float) -> None:
        """So much time passes at a stroke, for everything."""
        self._shown += seconds
        self.advanced += seconds

    def set_right(self) -> None:
        """Back to the world's time. What webhooks wait for is not touched: nobody may wait twice."""
        self.advanced = 0.0

    def state(self) -> tuple[float, float, float]:
        return self._real, self._shown, self.scale
