"""What the figures were measured on, and what of the machine's time each process took."""

import os
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import redis

_PROC = Path("/proc")


def describe(client: redis.Redis) -> dict[str, Any]:
    """Cores, processor, versions; no host name and no paths."""
    server: Any = client.info("server")
    packages = (
        "uvicorn",
        "uvloop",
        "httptools",
        "starlette",
        "redis",
        "hiredis",
        "rq",
        "msgspec",
        "cryptography",
    )
    return {
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "processor": _processor(),
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "redis": f"{server.get('server_name', 'redis')} {server.get('valkey_version') or server['redis_version']}",
        "packages": {name: version(name) for name in packages},
    }


def redis_seconds(client: redis.Redis) -> float:
    """Processor time that Redis has taken so far."""
    cpu: Any = client.info("cpu")
    return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])


def seconds(pid: int) -> float | None:
    """Processor time that a process and all that descend from it have taken so far; None where unknown."""
    if not (_PROC / "self" / "stat").exists():
        return None
    parents: dict[int, int] = {}
    ticks: dict[int, int] = {}
    for entry in _PROC.iterdir():
        if entry.name.isdigit():
            try:
                # The name in parentheses may hold blanks; the fields are counted from behind it.
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:  # it has ended
                continue
            parents[int(entry.name)] = int(fields[1])
            # user and system time of its own, and of its children that have ended
            ticks[int(entry.name)] = sum(map(int, fields[11:15]))
    family, before = {pid}, 0
    while len(family) > before:
        before = len(family)
        family |= {one for one, parent in parents.items() if parent in family}
    return sum(ticks.get(one, 0) for one in family) / os.sysconf("SC_CLK_TCK")


def _processor() -> str:
    if sys.platform == "linux":
        try:
            lines = (_PROC / "cpuinfo").read_text().splitlines()
        except OSError:
            lines = []
        for line in lines:
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
