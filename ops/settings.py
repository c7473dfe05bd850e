"""The settings of the CLI's commands. All have defaults, and none is a secret key."""

from pathlib import Path

from pydantic import Field

from processes.settings import Settings, load


class CommandSettings(Settings):
    """Where the sandbox would be, and how long bodies are kept, as the other processes are told."""

    host: str = Field("127.0.0.1", description="the address to listen on")
    sandbox_port: int = Field(8090, ge=1, le=65535, description="of the sandbox")
    keep_bodies_days: float = Field(
        7, gt=0, description="raw bodies of events that are done are kept so long"
    )

    @property
    def keep_bodies_s(self) -> int:
        """The raw retention in seconds."""
        return int(self.keep_bodies_days * 86_400)


def settings_for(data_dir: Path | None) -> CommandSettings:
    """The settings from the environment; `--data-dir` wins over DATA_DIR. A wrong value ends with status 2."""
    return load(CommandSettings) if data_dir is None else load(CommandSettings, data_dir=data_dir)
