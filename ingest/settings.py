"""The settings of the receiver. It holds no API key: the public door needs none."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from processes.settings import Settings


class ReceiverSettings(Settings):
    """The receiver verifies, stores and answers."""

    host: str = Field("127.0.0.1", description="address to listen on")
    port: int = Field(8080, ge=0, le=65535, description="port to listen on")
    pingpp_public_key_files: Annotated[tuple[Path, ...], NoDecode] = Field(
        ..., description="comma-separated PEM files: keys that webhooks may be signed with"
    )
    keep_events_days: float = Field(30, ge=2, description="an event that was received is remembered so long")
    redis_wait_replicas: int = Field(
        0, ge=0, description="replicas that must have an event before it is acknowledged"
    )
    redis_wait_ms: int = Field(1000, gt=0, description="for how long to wait for them")
    body_timeout: float = Field(10, gt=0, description="seconds in which a request's body has to be there")

    @field_validator("pingpp_public_key_files", mode="before")
    @classmethod
    def _listed(cls, value: object) -> object:
        return (
            tuple(one.strip() for one in value.split(",") if one.strip()) if isinstance(value, str) else value
        )

    @field_validator("pingpp_public_key_files")
    @classmethod
    def _given(cls, files: tuple[Path, ...]) -> tuple[Path, ...]:
        if not files:
            raise ValueError("no key is given, so that no webhook could be verified")
        return files
