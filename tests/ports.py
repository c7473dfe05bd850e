"""Free ports for processes that are told theirs."""

import random
import socket
from pathlib import Path

_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
# Below those that the system gives to outgoing connections: one of these may be taken between the look and the use,
# or while the process that listens on it is started again.
_END = int(_RANGE.read_text().split()[0]) if _RANGE.exists() else 49_152
_PORTS = range(20_000, max(_END, 20_100))
_chance = random.SystemRandom()  # two runs at once do not follow each other
_given: set[int] = set()


def free_port() -> int:
    """A port of 127.0.0.1 that nobody listens on, and that was not given to anybody else in this process."""
    while True:
        port = _chance.choice(_PORTS)
        if port in _given:
            continue
        with socket.socket() as one:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                one.bind(("127.0.0.1", port))
            except OSError:
                continue
        _given.add(port)
        return port
