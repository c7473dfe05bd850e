"""Runs the Lua scripts that lie beside their callers: by digest; Redis loads a script that it does not know
yet.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import redis
from redis.exceptions import NoScriptError

Argument = str | bytes | int


@dataclass(frozen=True, slots=True)
class Script:
    """One script, atomic in Redis; `name` is its file's, without the ending."""

    name: str
    source: bytes
    sha: str

    def __call__(self, client: redis.Redis, keys: Sequence[str], arguments: Sequence[Argument]) -> Any:
        """Run it. After a lost reply it may run again, so each script has to be harmless when it runs twice."""
        try:
            return client.evalsha(self.sha, len(keys), *keys, *arguments)
        except NoScriptError:
            return client.eval(self.source, len(keys), *keys, *arguments)  # type: ignore[arg-type]  # bytes do


def script(caller: str, name: str) -> Script:
    """The script in `<name>.lua` beside the caller; `caller` is the caller's `__file__`."""
    source = Path(caller).with_name(f"{name}.lua").read_bytes()
    return Script(name, source, hashlib.sha1(source, usedforsecurity=False).hexdigest())
