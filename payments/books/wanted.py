"""What the merchant wants: a payment as it was asked for, after validation."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A request that fits the table of channels; fields have Ping++'s names (Ping++ docs: create a Charge)."""

    app: str
    order_no: str
    #: in minor currency units
    amount: int
    currency: str
    channel: str
    subject: str
    body: str
    client_ip: str
    livemode: bool
    #: Unix seconds
    time_expire: int | None = None
    description: str | None = None
    #: may hold a scan code, so it is never printed
    extra: Mapping[str, Any] | None = field(default=None, repr=False)
    metadata: Mapping[str, Any] | None = None
    #: where our checkout sends the shopper afterwards
    return_url: str | None = None
    #: `tell` or `refund`: what is done with a payment that comes after the end
    on_paid_late: str = "tell"

    @property
    def digest(self) -> str:
        """Equal for two requests for the same attempt."""
        return digest_of(self.channel, self.extra)


def digest_of(channel: str, extra: Mapping[str, Any] | None) -> str:
    """A hash of channel and extra: equal for requests for the same attempt. No scan code can be read from it."""
    return digest([channel, extra or {}])


def digest(asked: Any) -> str:
    """A hash of what can be written as JSON: equal where the same was asked for."""
    canonical = json.dumps(asked, sort_keys=True, separators=(",", ":"))
    return blake2b(canonical.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()
