"""Chaos: decides by chance what goes wrong. Webhooks are lost, doubled, damaged, late or out of order; calls fail or
are never answered.
"""

import random
import secrets
from typing import Annotated, Literal

import msgspec

from sandbox.fate import Do, Fate

Chance = Annotated[float, msgspec.Meta(ge=0, le=1)]
Milliseconds = Annotated[int, msgspec.Meta(ge=0, le=600_000)]
SHUFFLED_WITHIN = 0.5  # seconds by which reordered webhooks can overtake each other


class Chaos(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    # For each attempt to deliver a webhook (`duplicate`: for each event).
    drop: Chance = 0.0
    duplicate: Chance = 0.0
    corrupt: Chance = 0.0
    delay_ms: tuple[Milliseconds, Milliseconds] = (0, 0)
    reorder: bool = False
    # For each call under /v1.
    api_error: Chance = 0.0
    api_error_status: Literal[403, 429, 500, 502, 503] = 500
    api_timeout: Chance = 0.0
    api_timeout_ms: Milliseconds = 1_000
    seed: int | None = None

    def __post_init__(self) -> None:
        if self.delay_ms[0] > self.delay_ms[1]:
            raise ValueError("delay_ms must be [low, high]")


class Lots:
    """Draws by chance. The results depend only on the seed and on the order of the draws.

    Webhooks and calls have one generator each, so that more calls do not change what happens to the webhooks.
    """

    def __init__(self) -> None:
        self.set(Chaos())

    def set(self, chaos: Chaos) -> None:
        """Begin anew. Without a seed one is made up and shown, so that a run can be repeated."""
        seed = secrets.randbelow(2**31) if chaos.seed is None else chaos.seed
        self.chaos = msgspec.structs.replace(chaos, seed=seed)
        self._webhooks = random.Random(f"webhooks {seed}")  # noqa: S311 - no secret
        self._calls = random.Random(f"calls {seed}")  # noqa: S311 - no secret
        self._last_held = 0.0

    @property
    def troubled(self) -> bool:
        """Whether anything can go wrong by chance."""
        return self.chaos != Chaos(
            seed=self.chaos.seed,
            api_error_status=self.chaos.api_error_status,
            api_timeout_ms=self.chaos.api_timeout_ms,
        )

    def copies(self) -> int:
        """How many deliveries an event gets."""
        return 2 if self._webhook(self.chaos.duplicate) else 1

    def drops(self) -> bool:
        return self._webhook(self.chaos.drop)

    def damaged(self, body: bytes, signature: str) -> tuple[bytes, str, str | None]:
        """Body and signature as they arrive, and which of them was damaged."""
        if not self._webhook(self.chaos.corrupt):
            return body, signature, None
        if self._webhooks.random() < 0.5:
            at = self._webhooks.randrange(len(body))
            return body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :], signature, "body"
        # Not near the end: the last letters of base64 have bits that are not decoded.
        at = self._webhooks.randrange(len(signature) - 4)
        other = "B" if signature[at] == "A" else "A"
        return body, signature[:at] + other + signature[at + 1 :], "signature"

    def held_until(self, due: float, now: float, scale: float) -> float:
        """When a due webhook is sent, by a clock that runs at `scale`. The delays are in real time."""
        low, high = self.chaos.delay_ms
        if not high and not self.chaos.reorder:
            return due
        wait = self._webhooks.uniform(low, high) / 1000
        if self.chaos.reorder:
            return due + (wait + self._webhooks.uniform(0, SHUFFLED_WITHIN)) * scale
        held = due + wait * scale
        if due <= now:
            # A delay alone must not change the order; repeats are not part of the queue.
            held = self._last_held = max(held, self._last_held)
        return held

    def fate(self) -> Fate | None:
        """What happens to a call to the gateway."""
        chaos = self.chaos
        if not chaos.api_error and not chaos.api_timeout:
            return None
        # Each call draws the same number of times, so that one chance does not change the result of the other.
        fails, is_lost, was_done = (self._calls.random() for _ in range(3))
        if fails < chaos.api_error:
            return Fate(do="error", status=chaos.api_error_status)
        if is_lost < chaos.api_timeout:
            lost: Do = "lose_answer" if was_done < 0.5 else "lose_request"
            return Fate(do=lost, delay_ms=chaos.api_timeout_ms)
        return None

    def _webhook(self, chance: float) -> bool:
        return chance > 0 and self._webhooks.random() < chance
