"""The ports that `up` needs: which they are, and why one cannot be used."""

import errno
import socket
from collections.abc import Mapping

from ops.up.settings import UpSettings

TRIES = 50  # so many ports are tried to find a free one


def wanted_ports(settings: UpSettings, sandbox: bool) -> dict[str, int]:
    """The ports by the name of the process that will listen on them."""
    ports = {"receiver": settings.port}
    if sandbox:
        ports["sandbox"] = settings.sandbox_port
    return ports


def ports_problem(host: str, ports: Mapping[str, int]) -> str | None:
    """Which of `ports` cannot be used, and how to choose others; None: all can be used."""
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
    """Why the port cannot be used; None: it can."""
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        return f"cannot be used, because HOST={host} is no address of this machine ({error.strerror})"
    family, kind, protocol, _, address = found[0]
    with socket.socket(family, kind, protocol) as one:
        # A process that ended just now does not block the port.
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            one.bind(address)
            one.listen(1)
        except OSError as error:
            return "is taken" if error.errno == errno.EADDRINUSE else f"cannot be used ({error.strerror})"
    return None
