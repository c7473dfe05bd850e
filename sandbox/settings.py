"""What the environment says to the sandbox."""

from pathlib import Path
from typing import Literal

import httpx
from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict


class BadSettings(Exception):
    """A value in the environment cannot be used; the message names it."""


class Settings(BaseSettings):
    model_config = SettingsConfigDict(
        env_file=".env", env_file_encoding="utf-8", env_ignore_empty=True, extra="ignore", frozen=True
    )

    host: str = "127.0.0.1"
    sandbox_port: int = Field(default=8090, ge=1, le=65535)
    port: int = Field(default=8080, ge=1, le=65535)
    data_dir: Path = Path("data")
    sandbox_webhook_url: str | None = None
    sandbox_merchant_public_key_file: Path | None = None
    # What the demo shop calls the merchant API with; the last of them is for where that is not at HOST:PORT.
    merchant_api_tokens: SecretStr | None = None
    merchant_api_tokens_file: Path | None = None
    pingpp_app_ids: str = ""
    sandbox_merchant_api_url: str | None = None
    log_format: Literal["console", "json"] | None = None
    pingpp_ingest_parent_pid: int | None = None

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
        """Without a slash at its end."""
        return (self.sandbox_merchant_api_url or self._receiver_url).rstrip("/")

    @property
    def _receiver_url(self) -> str:
        # An address to listen on need not be one to call.
        host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(self.host, self.host)  # noqa: S104 - not bound here
        return f"http://{f'[{host}]' if ':' in host else host}:{self.port}"

    def merchant_api_token(self) -> str:
        """The first token; empty: none is set. Raises OSError and UnicodeDecodeError."""
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
