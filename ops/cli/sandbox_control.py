"""Finds the sandbox and speaks to its control, for the commands that need a payment to come in."""

import http.client
import json
from typing import Any

from ops.cli.answers import fail
from ops.settings import CommandSettings
from ops.up.running import running
from processes.address import address

_TIMEOUT_S = 10.0


class NoSandbox(RuntimeError):
    """No sandbox answers. The text says where it was looked for and what to do."""


class SandboxRefused(RuntimeError):
    """The sandbox refuses. The text says why."""


def find(settings: CommandSettings) -> str:
    """The address of the sandbox: of the running system, else by HOST and SANDBOX_PORT. Raises NoSandbox."""
    up = running(settings.data_dir)
    if up is None:
        return address(settings.host, settings.sandbox_port)
    if up.sandbox_url is None:
        fail(
            f"The system that runs on {settings.data_dir} has no sandbox: it was started with --no-sandbox. "
            "Start one without that, elsewhere: pingpp-ingest up --data-dir DIR --port N --sandbox-port M",
            status=2,
        )
    return up.sandbox_url


def ask(url: str, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
    """Call the sandbox's control. Raises NoSandbox, SandboxRefused."""
    # Not urllib: it would use a proxy of the environment even for this machine.
    connection = http.client.HTTPConnection(url.removeprefix("http://"), timeout=_TIMEOUT_S)
    try:
        headers = {"Content-Type": "application/json"}
        connection.request(method, path, None if body is None else json.dumps(body), headers)
        response = connection.getresponse()
        status, content = response.status, response.read()
    except (OSError, http.client.HTTPException) as error:
        raise NoSandbox(
            f"No sandbox answers at {url} ({str(error) or type(error).__name__}).\n"
            "Start everything with `make run` (or `pingpp-ingest up`) in another terminal; or name the running system "
            "by --data-dir, or by HOST and SANDBOX_PORT."
        ) from None
    finally:
        connection.close()
    try:
        answer = json.loads(content)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        raise NoSandbox(f"What answers at {url} is no sandbox of ours (status {status}).")
    if status >= 400:
        raise SandboxRefused(str(answer.get("detail") or answer.get("title") or f"status {status}"))
    return answer
