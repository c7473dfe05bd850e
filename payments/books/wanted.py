"""A payment as the merchant asks for it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What was asked for, after validation by the table of channels. A scan code in `extra` is shown nowhere."""

    app: str
    order_no: str
    amount: int
    currency: str
    channel: str
    subject: str
    body: str
    client_ip: str
    livemode: bool
    time_expire: int | None = None
    description: str | None = None
    extra: Mapping[str, Any] | None = field(default=None, repr=False)
    metadata: Mapping[str, Any] | None = None
    return_url: str | None = None
    on_paid_late: str = "tell"

    @property
    def digest(self) -> str:
        """Tells whether a request is for the same attempt."""
        return digest_of(self.channel, self.extra)


def digest_of(channel: str, extra: Mapping[str, Any] | None) -> str:
    """What tells requests for one attempt from those for another; it keeps no scan code."""
    canonical = json.dumps([channel, extra or {}], sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
