"""Runs the whole system in one terminal: Redis, the sandbox, receiver, worker and scheduler."""

import contextlib
import datetime as dt
import http.client
import os
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from ops.up.merchant_keys import make_keys, make_token
from ops.up.ports import ports_problem, wanted_ports
from ops.up.running import Up, UpAlready, announce, only_one
from ops.up.settings import SANDBOX_APP, SANDBOX_KEY, UpSettings
from ops.up.welcome import welcome
from processes import redis_server
from processes.address import address
from processes.child import Child, say
from processes.settings import load, refuse
from processes.supervisor import Supervisor

GRACE = (
    20.0  # seconds to stop in; more than the 15 that the worker, a supervisor itself, gives its RQ workers
)


def run_up(
    port: int | None = None,
    sandbox_port: int | None = None,
    data_dir: Path | None = None,
    no_sandbox: bool = False,
    workers: int | None = None,
) -> int:
    """Run everything until Ctrl-C, and return the exit status. Arguments win over the environment."""
    began = time.monotonic()
    given = {"port": port, "sandbox_port": sandbox_port, "data_dir": data_dir}
    settings = load(UpSettings, **{name: value for name, value in given.items() if value is not None})
    sandbox = not no_sandbox
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(only_one(settings.data_dir))
            problem = ports_problem(settings.host, wanted_ports(settings, sandbox))
            if problem:
                refuse(problem)
            environment = environment_for(settings, sandbox, workers, console=sys.stdout.isatty())
        except UpAlready as error:
            refuse(str(error))
        except OSError as error:
            refuse(
                f"Cannot use {settings.data_dir} ({error.strerror}). Make it writable, or choose another: "
                "pingpp-ingest up --data-dir DIR"
            )
        up = describe(settings, sandbox)
        say(f"Starting with data in {settings.data_dir} …")

        def ready() -> None:
            announce(settings.data_dir, up)
            say(welcome(up, settings, time.monotonic() - began))

        def stopping() -> None:
            say("\nStopping …")

        children = children_of(settings, sandbox, environment)
        status = Supervisor(children, relay=True, grace=GRACE, on_ready=ready, on_stop=stopping).run()
    if status == 0:
        say(f"Everything has stopped. The data is kept in {settings.data_dir}.")
    return status


def environment_for(
    settings: UpSettings, sandbox: bool, workers: int | None, *, console: bool
) -> dict[str, str]:
    """Variables for the processes, besides the environment of `up`. Settings of the user's own win."""
    told = {
        "DATA_DIR": str(settings.data_dir),
        "HOST": settings.host,
        "PORT": str(settings.port),
        "SANDBOX_PORT": str(settings.sandbox_port),
        "PYTHONUNBUFFERED": "1",  # their output is a pipe
    }
    if workers is not None:
        told["EVENT_WORKERS"] = str(workers)
    if settings.log_format is None and console:
        told["LOG_FORMAT"] = "console"
    if not sandbox:
        return told
    if settings.merchant_api_tokens is None:
        told["MERCHANT_API_TOKENS_FILE"] = str(make_token(settings.data_dir))
    # Only the sandbox knows its charges, and only its own key signs its webhooks.
    told["PINGPP_API_BASE"] = address(settings.host, settings.sandbox_port)
    keys = [one for one in settings.pingpp_public_key_files.split(",") if one.strip()]
    told["PINGPP_PUBLIC_KEY_FILES"] = ",".join([*keys, str(settings.data_dir / "sandbox" / "public_key.pem")])
    if settings.pingpp_api_key is None:
        told["PINGPP_API_KEY"] = SANDBOX_KEY
    if not settings.pingpp_app_ids:
        told["PINGPP_APP_IDS"] = SANDBOX_APP  # only apps that are named here are swept
    if settings.pingpp_private_key_file is None:
        private, public = make_keys(settings.data_dir)
        told["PINGPP_PRIVATE_KEY_FILE"] = str(private)
        told["SANDBOX_MERCHANT_PUBLIC_KEY_FILE"] = str(public)
    return told


def children_of(settings: UpSettings, sandbox: bool, environment: Mapping[str, str]) -> list[Child]:
    """The processes in the order of their start: a process that others need starts first and stops last."""

    def python(module: str) -> list[str]:
        return [sys.executable, "-m", module]

    children = []
    if settings.redis_url is None:

        def redis_is_there() -> str | None:
            return None if redis_server.answers(settings.data_dir) else "it does not answer yet"

        # A big append-only file takes minutes to load.
        children.append(
            Child(
                "redis",
                python("processes.redis_server"),
                environment,
                ready=redis_is_there,
                ready_within=600,
                stop=3,
            )
        )
    if sandbox:
        healthz = _answers(settings.host, settings.sandbox_port, "/sandbox/healthz")
        children.append(Child("sandbox", python("sandbox"), environment, ready=healthz, stop=2))
    readyz = _answers(settings.host, settings.port, "/readyz")
    return [
        *children,
        Child("receiver", python("ingest"), environment, ready=readyz, start=1, stop=0),
        Child("worker", python("workers"), environment, start=1, stop=1),
        Child("scheduler", python("workers.scheduler"), environment, start=1, stop=1),
    ]


def describe(settings: UpSettings, sandbox: bool) -> Up:
    """The running system, as commands in a second terminal need to know it."""
    return Up(
        pid=os.getpid(),
        started_at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        receiver_url=address(settings.host, settings.port),
        sandbox_url=address(settings.host, settings.sandbox_port) if sandbox else None,
        ports=wanted_ports(settings, sandbox),
    )


def _answers(host: str, port: int, path: str) -> Callable[[], str | None]:
    netloc = address(host, port).removeprefix("http://")

    def missing() -> str | None:
        connection = http.client.HTTPConnection(netloc, timeout=1.0)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            if answer.status == 200:
                return None
            return f"{path} answers {answer.status}: {answer.read(500).decode('utf-8', 'replace')}"
        except (OSError, http.client.HTTPException) as error:
            return f"{path}: {error}"
        finally:
            connection.close()

    return missing
