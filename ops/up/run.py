"""Runs the whole system in one terminal: Redis, the sandbox, receiver, worker and scheduler."""

import contextlib
import datetime as dt
import errno
import http.client
import os
import socket
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import Field, SecretStr

from ops.up.merchant_keys import make_keys, make_token
from ops.up.running import Up, UpAlready, announce, only_one
from processes import redis_server
from processes.child import Child, say
from processes.redis import address_file
from processes.settings import Settings, load, refuse
from processes.supervisor import Supervisor

SANDBOX_KEY = "sk_test_sandbox0000000000000000"
GRACE = 20.0  # the worker is a supervisor itself, and gives its own 15
TRIES = 50  # ports that are looked at for a free one


class UpSettings(Settings):
    """What `up` looks at itself; the rest of the environment goes to the processes as it is."""

    host: str = Field("127.0.0.1", description="the address to listen on")
    port: int = Field(8080, ge=1, le=65535, description="of the receiver")
    sandbox_port: int = Field(8090, ge=1, le=65535, description="of the sandbox")
    pingpp_api_key: SecretStr | None = Field(None, description="`sk_live_…` or `sk_test_…`; decides the mode")
    pingpp_private_key_file: str | None = Field(None, description="the merchant's RSA key, signs requests")
    pingpp_public_key_files: str = Field("", description="comma-separated PEM files: keys of webhooks")
    merchant_api_tokens: SecretStr | None = Field(None, description="bearer tokens of the merchant API")


def run_up(
    port: int | None = None,
    sandbox_port: int | None = None,
    data_dir: Path | None = None,
    no_sandbox: bool = False,
    workers: int | None = None,
) -> int:
    """Run everything until Ctrl-C; what is not given comes from the environment. Returns the exit status."""
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


def wanted_ports(settings: UpSettings, sandbox: bool) -> dict[str, int]:
    """What will listen where."""
    ports = {"receiver": settings.port}
    if sandbox:
        ports["sandbox"] = settings.sandbox_port
    return ports


def ports_problem(host: str, ports: Mapping[str, int]) -> str | None:
    """Which of `ports` cannot be used and how to choose others, or None."""
    option = {"receiver": "--port", "sandbox": "--sandbox-port"}
    variable = {"receiver": "PORT", "sandbox": "SANDBOX_PORT"}
    said, wanted = [], list(ports.values())
    for name, port in ports.items():
        if wanted.count(port) > 1 and name != "receiver":
            why: str | None = "is to be another process's, too"
        else:
            why = port_problem(host, port)
        if why is None:
            continue
        free = next(
            (
                one
                for one in range(port + 1, min(port + TRIES, 65536))
                if one not in wanted and port_problem(host, one) is None
            ),
            None,
        )
        wanted.append(free or port)
        choose = free or "N"
        said.append(
            f"Port {port} for the {name} {why}. Choose another: "
            f"pingpp-ingest up {option[name]} {choose}, or {variable[name]}={choose} make run"
        )
    return "\n".join(said) or None


def port_problem(host: str, port: int) -> str | None:
    """Why nothing of ours can listen there, or None."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return f"cannot be used, because HOST={host} is no address of this machine ({error.strerror})"
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as one:
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what ended just now is no hindrance
        try:
            one.bind(address)
            one.listen(1)
        except OSError as error:
            return "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return None


def environment_for(
    settings: UpSettings, sandbox: bool, workers: int | None, *, console: bool
) -> dict[str, str]:
    """What the processes are told beyond our own environment; what the user has set there wins."""
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
    # The sandbox's charges are known nowhere else, and its webhooks are signed with its key alone.
    told["PINGPP_API_BASE"] = address(settings.host, settings.sandbox_port)
    keys = [one for one in settings.pingpp_public_key_files.split(",") if one.strip()]
    told["PINGPP_PUBLIC_KEY_FILES"] = ",".join([*keys, str(settings.data_dir / "sandbox" / "public_key.pem")])
    if settings.pingpp_api_key is None:
        told["PINGPP_API_KEY"] = SANDBOX_KEY
    if settings.pingpp_private_key_file is None:
        private, public = make_keys(settings.data_dir)
        told["PINGPP_PRIVATE_KEY_FILE"] = str(private)
        told["SANDBOX_MERCHANT_PUBLIC_KEY_FILE"] = str(public)
    return told


def children_of(settings: UpSettings, sandbox: bool, environment: Mapping[str, str]) -> list[Child]:
    """The processes in the order of their start: what others need comes first and stops last."""

    def python(module: str) -> list[str]:
        return [sys.executable, "-m", module]

    children = []
    if settings.redis_url is None:

        def redis_is_there() -> str | None:
            return None if redis_server.answers(settings.data_dir) else "it does not answer yet"

        # A big file takes its time to load.
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
    """What a second terminal needs to know."""
    return Up(
        pid=os.getpid(),
        started_at=dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds"),
        receiver_url=address(settings.host, settings.port),
        sandbox_url=address(settings.host, settings.sandbox_port) if sandbox else None,
        ports=wanted_ports(settings, sandbox),
    )


def _embedded_url(settings: UpSettings) -> str:
    try:
        return address_file(settings.data_dir).read_text(encoding="ascii").strip()
    except OSError:  # it was killed just now; it comes back at the same address
        return str(settings.data_dir / "redis")


def welcome(up: Up, settings: UpSettings, took: float) -> str:
    """What is printed when everything runs: what is where, and what to do next."""
    redis = "set by REDIS_URL" if settings.redis_url else f"{_embedded_url(settings)}  (embedded)"
    command = Path(sys.argv[0])
    pingpp_ingest = ".venv/bin/pingpp-ingest" if command.name == "pingpp-ingest" else "pingpp-ingest"
    lines = [
        "",
        f"Ready after {took:.1f} s. Ctrl-C stops everything; the data stays.",
        "",
        *(_sandbox_said(up.sandbox_url) if up.sandbox_url else []),
        f"  webhooks   {up.receiver_url}/webhooks",
        f"  payments   {up.receiver_url}/payments  ({_token_said(up, settings)})",
        f"  Redis      {redis}",
        "",
        "In a second terminal:",
        "",
        *(
            [f"  {pingpp_ingest} trigger charge.succeeded         a payment comes in"]
            if up.sandbox_url
            else []
        ),
        f"  {pingpp_ingest} fulfilment tail --from-start     what your services would be told",
        f"  {pingpp_ingest} dead-letters list                what waits for a person",
        "",
    ]
    return "\n".join(lines)


def _sandbox_said(url: str) -> list[str]:
    return [
        f"  shop       {url}/shop/  (buy something)",
        f"  sandbox    {url}/sandbox/  (a Ping++ of your own: pay for it)",
    ]


def _token_said(up: Up, settings: UpSettings) -> str:
    if settings.merchant_api_tokens is not None:
        return "bearer token: MERCHANT_API_TOKENS"
    if up.sandbox_url is None:
        return "not served: MERCHANT_API_TOKENS is not set"
    return f"bearer token in {settings.data_dir / 'keys' / 'merchant_api_token'}"


def address(host: str, port: int) -> str:
    """How to call what listens there: an address to listen on need not be one to call."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"


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
