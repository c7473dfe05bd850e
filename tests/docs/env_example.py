"""`deploy/env.example`: every setting with its default, grouped by the process that it is for."""

import textwrap
from typing import Any

from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from ingest.settings import ReceiverSettings
from ops.settings import CommandSettings
from ops.up.settings import UpSettings
from processes.gateway_settings import GatewaySettings
from processes.redis_server import RedisServerSettings
from processes.settings import Settings
from sandbox.settings import Settings as SandboxSettings
from workers.settings import SchedulerSettings, WorkerSettings

# What others inherit or share stands where it is named first.
GROUPS: dict[str, tuple[type[BaseSettings], ...]] = {
    "Every process": (Settings, SchedulerSettings),
    "Worker, and receiver that serves the API": (GatewaySettings,),
    "Receiver": (ReceiverSettings,),
    "Worker": (WorkerSettings,),
    "Embedded Redis, where REDIS_URL is not set": (RedisServerSettings,),
    "Sandbox, for trying and testing; up and the CLI look for it": (
        SandboxSettings,
        CommandSettings,
        UpSettings,
    ),
}
SETTINGS = [one for group in GROUPS.values() for one in group]
OURS_ALONE = {"pingpp_ingest_parent_pid"}  # set by our own processes for their children

_HEAD = """\
# Every setting of pingpp-ingest with its default, for `.env` in the working directory or the environment of a service.
# Written by `make docs` out of the settings classes: change those. What each means in full: docs/settings.md.
# What is commented out holds as it stands. A secret can come from a file instead: NAME_FILE=/run/secrets/name
"""


def env_example() -> str:
    """The whole file."""
    seen = set(OURS_ALONE)
    blocks = [_HEAD]
    for title, classes in GROUPS.items():
        fields = {name: field for one in reversed(classes) for name, field in one.model_fields.items()}
        new = {name: field for name, field in fields.items() if name not in seen}
        seen |= new.keys()
        blocks += [f"\n# --- {title}\n", *(_said(name, field) for name, field in new.items())]
    return "\n".join(blocks)


def _said(name: str, field: FieldInfo) -> str:
    assert field.description, f"{name} has no description"
    comment = "\n".join(textwrap.wrap(field.description, 110, initial_indent="# ", subsequent_indent="# "))
    # An empty value counts as unset, so that a secret is only to be filled in.
    aside = "" if "SecretStr" in str(field.annotation) else "#"
    return f"{comment}\n{aside}{name.upper()}={_written(field.get_default())}\n"


def _written(default: Any) -> str:
    if default is None or default.__class__.__name__ == "PydanticUndefinedType":
        return ""
    if isinstance(default, tuple):
        return ",".join(map(_written, default))
    return str(default).lower() if isinstance(default, bool) else str(default)
