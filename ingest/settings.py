"""The settings of the receiver. A public door that serves webhooks and the checkout alone needs no API key."""

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_settings import NoDecode

from processes.gateway_settings import GatewaySettings

SURFACES = ("webhooks", "api", "checkout")


class ReceiverSettings(GatewaySettings):
    """The settings of the receiver, which stores webhooks, takes payments and shows them to shoppers."""

    serve: Annotated[tuple[str, ...], NoDecode] = Field(
        SURFACES, description="comma-separated surfaces to offer: `webhooks`, `api`, `checkout`"
    )
    merchant_api_tokens: SecretStr | None = Field(
        None, description="comma-separated bearer tokens of the merchant API; none: it is not served"
    )
    public_url: str | None = Field(
        None,
        description="address by which shoppers reach the receiver: the beginning of each checkout_url (`http://HOST:PORT`)",
    )
    on_paid_late: str = Field(
        "tell",
        pattern="^(tell|refund)$",
        description="what is done with a payment that comes after `closed`: it is only told, or refunded too",
    )

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    pingpp_public_key_files: Annotated[tuple[Path, ...], NoDecode] = Field(
        (),
        description="comma-separated PEM files: keys that webhooks may be signed with; needed for `webhooks`",
    )
    keep_events_days: float = Field(30, ge=2, description="days for which a received event is remembered")
    redis_wait_replicas: int = Field(
        0, ge=0, description="replicas that must have an event before it is acknowledged"
    )
    redis_wait_ms: int = Field(1000, gt=0, description="milliseconds to wait for these replicas")
    body_timeout: float = Field(
        10, gt=0, description="seconds in which the body of a request must have arrived"
    )

    @field_validator("pingpp_public_key_files", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (
            tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value
        )

    @field_validator("serve", mode="before")
    @classmethod
    def _surfaces(cls, value: object) -> object:
        if not isinstance(value, str):
            return value
        named = tuple(one.strip() for one in value.split(",") if one.strip())
        if not named or set(named) - set(SURFACES):
            raise ValueError(f"names one or more of: {', '.join(SURFACES)}")
        return named

    @field_validator("public_url")
    @classmethod
    def _url(cls, url: str | None) -> str | None:
        if url is not None and not url.startswith(("https://", "http://")):
            raise ValueError("an address begins with https:// (or http://)")
        return url.rstrip("/") if url else url

    @model_validator(mode="after")
    def _has_what_it_serves(self) -> Self:
        if "webhooks" in self.serve and not self.pingpp_public_key_files:
            raise ValueError(
                "PINGPP_PUBLIC_KEY_FILES is not set (comma-separated PEM files: keys that webhooks may be signed "
                "with), so that no webhook could be verified"
            )
        if "serve" in self.model_fields_set and "api" in self.serve and self.api_missing:
            raise ValueError(f"SERVE names api, which needs {self.api_missing}")
        return self

    @property
    def tokens(self) -> tuple[bytes, ...]:
        """The bearer tokens of the merchant API."""
        text = self.merchant_api_tokens.get_secret_value() if self.merchant_api_tokens else ""
        return tuple(one.strip().encode() for one in text.split(",") if one.strip())

    @property
    def api_missing(self) -> str:
        """The settings that the merchant API needs and that are missing, as words."""
        needed = {"PINGPP_API_KEY": self.api_key, "MERCHANT_API_TOKENS": self.tokens}
        return " and ".join(name for name, value in needed.items() if not value)

    @property
    def shoppers_url(self) -> str:
        """The address by which shoppers reach the receiver, without a slash at its end."""
        if self.public_url:
            return self.public_url
        # An address to listen on, such as 0.0.0.0, is not always one to call.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104  not bound here
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"
