"""The settings that processes share, read from the environment (and a `.env`) once at the start.

Each process has a class of its own, built on `Settings` (`ingest/settings.py`, `workers/settings.py`, …), so
it neither needs nor holds what it does not use.
"""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic.fields import FieldInfo
from pydantic_settings import (
    BaseSettings,
    DotEnvSettingsSource,
    PydanticBaseSettingsSource,
    SettingsConfigDict,
    SettingsError,
)


class SecretFiles(PydanticBaseSettingsSource):
    """Reads any secret `NAME` from the file whose path is `NAME_FILE`."""

    def __init__(self, settings_cls: type[BaseSettings], dotenv: Mapping[str, str | None]) -> None:
        super().__init__(settings_cls)
        self.dotenv = dotenv  # by names in lower case

    def get_field_value(self, field: FieldInfo, field_name: str) -> tuple[Any, str, bool]:
        # Only a SecretStr is a secret: PINGPP_PRIVATE_KEY_FILE and the like are settings of their own.
        variable = f"{field_name.upper()}_FILE"
        path = os.environ.get(variable) or self.dotenv.get(variable.lower())
        if not path or "SecretStr" not in str(field.annotation):
            return None, field_name, False
        try:
            return Path(path).read_text(encoding="utf-8").strip(), field_name, False
        except (OSError, UnicodeDecodeError) as error:
            refuse(f"{variable}: cannot read {path} ({type(error).__name__}).")

    def __call__(self) -> dict[str, Any]:
        fields = self.settings_cls.model_fields
        found = {name: self.get_field_value(field, name)[0] for name, field in fields.items()}
        return {name: value for name, value in found.items() if value is not None}


class Settings(BaseSettings):
    """The base of all settings: where values come from, and the settings that all processes share."""

    model_config = SettingsConfigDict(
        env_file=".env",
        env_file_encoding="utf-8",
        extra="ignore",
        env_ignore_empty=True,
        hide_input_in_errors=True,
    )

    redis_url: SecretStr | None = Field(
        None, description="`redis://`, `rediss://` or `unix://`; unset: the embedded Redis under DATA_DIR"
    )
    data_dir: Path = Field(Path("data"), description="of the embedded Redis and of the keys that `up` makes")
    key_prefix: str = Field(
        "", pattern=r"^[A-Za-z0-9_.:{}-]*$", description="put before every Redis key, RQ's too"
    )
    log_format: str | None = Field(
        None, pattern="^(json|console)$", description="`json` or `console`; unset: `console` in a terminal"
    )
    log_level: str = Field(
        "info",
        pattern="^(debug|info|warning|error)$",
        description="the least that is logged: `debug`, `info`, `warning`, `error`",
    )

    @field_validator("data_dir")
    @classmethod
    def _absolute(cls, path: Path) -> Path:
        return path.expanduser().absolute()

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        del file_secret_settings
        read = dotenv_settings.env_vars if isinstance(dotenv_settings, DotEnvSettingsSource) else {}
        return init_settings, env_settings, SecretFiles(settings_cls, read), dotenv_settings


S = TypeVar("S", bound=Settings)


def load(settings: type[S], **given: Any) -> S:
    """Read `settings` from the environment; `given` overrides it. A wrong value ends the process with status
    2.
    """
    try:
        return settings(**given)
    except ValidationError as error:
        refuse(
            "\n".join(
                ": ".join(filter(None, (".".join(map(str, one["loc"])).upper(), _said(settings, one)))) + "."
                for one in error.errors()
            )
            + "\nSet it in the environment or in .env, and start again."
        )
    except SettingsError as error:
        refuse(f"{error}. Correct it in the environment or in .env, and start again.")


def _said(settings: type[Settings], error: Any) -> str:
    if error["type"] != "missing":
        return str(error["msg"]).removeprefix("Value error, ")
    field = settings.model_fields.get(str(error["loc"][0]))
    return f"not set ({field.description})" if field and field.description else "not set"


def refuse(message: str) -> NoReturn:
    """End a process that cannot start, with exit status 2. `message` says why, and what to do."""
    print(message, file=sys.stderr)  # noqa: T201  an operator reads it at a terminal
    raise SystemExit(2)
