"""The settings of every process that calls Ping++."""

from functools import cached_property
from pathlib import Path
from typing import Annotated

from pydantic import Field, SecretStr, field_validator
from pydantic_settings import NoDecode

from processes.settings import Settings


class GatewaySettings(Settings):
    """Where Ping++ is, and who we are there."""

    pingpp_api_base: str = Field("https://api.pingxx.com", description="where Ping++ is asked")
    pingpp_api_key: SecretStr | None = Field(
        None,
        description="`sk_live_…` or `sk_test_…`; decides the mode: events of the other mode are kept aside",
    )
    pingpp_app_ids: Annotated[tuple[str, ...], NoDecode] = Field(
        (), description="comma-separated; empty: any app. Events of other apps are kept aside"
    )
    pingpp_private_key_file: Path | None = Field(None, description="the merchant's RSA key, signs requests")
    gateway_rate: int = Field(
        20, ge=1, description="calls a second that read from Ping++, all processes together"
    )
    order_key: str = Field(
        "order_no",
        pattern=r"^(order_no|metadata\..+)$",
        description="where charges made elsewhere keep the merchant's order number: `order_no` or `metadata.<name>`",
    )
    fallback_after: float = Field(
        15, ge=1, le=86_400, description="seconds from a charge's creation to its first check"
    )
    check_gaps: Annotated[tuple[Annotated[float, Field(ge=1, le=86_400)], ...], NoDecode] = Field(
        (15, 30, 60, 120, 300, 600),
        min_length=1,
        description="comma-separated seconds between the first check and each further one; the last repeats",
    )

    @field_validator("pingpp_api_key")
    @classmethod
    def _key(cls, key: SecretStr | None) -> SecretStr | None:
        if key is not None and not key.get_secret_value().startswith(("sk_live_", "sk_test_")):
            raise ValueError("a key of Ping++ begins with sk_live_ or sk_test_")
        return key

    @field_validator("pingpp_api_base")
    @classmethod
    def _base(cls, base: str) -> str:
        if not base.startswith(("https://", "http://")):
            raise ValueError("an address begins with https:// (or http:// for a sandbox)")
        return base.rstrip("/")

    @field_validator("pingpp_app_ids", mode="before")
    @classmethod
    def _apps(cls, apps: object) -> object:
        return tuple(app.strip() for app in apps.split(",") if app.strip()) if isinstance(apps, str) else apps

    @field_validator("check_gaps", mode="before")
    @classmethod
    def _gaps(cls, gaps: object) -> object:
        return tuple(gap.strip() for gap in gaps.split(",") if gap.strip()) if isinstance(gaps, str) else gaps

    @cached_property
    def livemode(self) -> bool:
        """Whether we live in live mode; False without a key."""
        return self.api_key.startswith("sk_live_")

    @property
    def api_key(self) -> str:
        """The key itself; empty where there is none."""
        return self.pingpp_api_key.get_secret_value() if self.pingpp_api_key else ""
