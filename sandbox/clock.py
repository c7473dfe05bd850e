"""The time by which webhooks are repeated; it can run faster than the world's."""

import time


class Clock:
    """Seconds that pass `scale` times as fast as real ones, and go on from where they were after a restart."""

    def __init__(self, real: float | None = None, shown: float | None = None, scale: float = 1.0) -> None:
        self._real = time.time() if real is None else real
        self._shown = self._real if shown is None else shown
        self.scale = scale

    def now(self) -> float:
        return self._shown + (time.time() - self._real) * self.scale

    def run_at(self, scale: float) -> None:
        """What is already waiting waits by the new scale from now on."""
        self._shown, self._real, self.scale = self.now(), time.time(), scale

    def state(self) -> tuple[float, float, float]:
        return self._real, self._shown, self.scale
