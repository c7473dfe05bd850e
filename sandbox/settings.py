"""The settings of the sandbox."""

from pathlib import Path
from typing import Literal

import httpx
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class BadSettings(Exception):
    """A setting cannot be used; the message names it."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = Field(default="127.0.0.1", description="address to listen on")
    sandbox_port: int = Field(default=8090, ge=1, le=65535, description="port of the sandbox")
    port: int = Field(default=8080, ge=1, le=65535, description="port of the receiver")
    data_dir: Path = Field(
        default=Path("data"), description="what it has made is kept in `sandbox` below this"
    )
    sandbox_webhook_url: str | None = Field(
        default=None, description="where it sends its webhooks; unset: `http://HOST:PORT/webhooks`"
    )
    sandbox_merchant_public_key_file: Path | None = Field(
        default=None, description="set: it refuses requests that are not signed with the merchant's key"
    )
    # What the demo shop calls the merchant API with; the last of them is for where that is not at HOST:PORT.
    merchant_api_tokens: SecretStr | None = Field(default=None, description="the demo shop uses the first")
    merchant_api_tokens_file: Path | None = Field(
        default=None,
        description="MERCHANT_API_TOKENS from a file, as any secret; the demo shop reads it at each call",
    )
    pingpp_app_ids: str = Field(default="", description="comma-separated; the demo shop uses the first")
    sandbox_merchant_api_url: str | None = Field(
        default=None, description="where the demo shop calls the merchant API; unset: `http://HOST:PORT`"
    )
    log_format: Literal["console", "json"] | None = Field(
        default=None, description="unset: `console` in a terminal"
    )
    pingpp_ingest_parent_pid: int | None = Field(
        default=None, description="set by the process that starts it, and ends with it"
    )

    @field_validator("sandbox_webhook_url", "sandbox_merchant_api_url")
    @classmethod
    def _is_http(cls, value: str | None) -> str | None:
        if value is None:
            return None
        try:
            url = httpx.URL(value)
        except httpx.InvalidURL as error:
            raise ValueError(str(error)) from error
        if url.scheme not in {"http", "https"} or not url.host:
            raise ValueError("should be an http:// or https:// address")
        return value

    @property
    def webhook_url(self) -> str:
        return self.sandbox_webhook_url or f"{self._receiver_url}/webhooks"

    @property
    def merchant_api_url(self) -> str:
        """The address of the merchant API, without a slash at its end."""
        return (self.sandbox_merchant_api_url or self._receiver_url).rstrip("/")

    @property
    def _receiver_url(self) -> str:
        # An address to listen on, such as 0.0.0.0, is not always one to call.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not bound here
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def merchant_api_token(self) -> str:
        """The first token of the merchant API; empty: none is set. Raises OSError and UnicodeDecodeError."""
        if self.merchant_api_tokens is not None:
            text = self.merchant_api_tokens.get_secret_value()
        elif self.merchant_api_tokens_file is not None:
            text = self.merchant_api_tokens_file.read_text(encoding="utf-8")
        else:
            return ""
        return next((one.strip() for one in text.split(",") if one.strip()), "")

    @property
    def directory(self) -> Path:
        return self.data_dir / "sandbox"


def load() -> Settings:
    try:
        return Settings()
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(str(part) for part in one['loc']).upper()}: {one['msg']}" for one in error.errors()
        )
        raise BadSettings(wrong) from error
