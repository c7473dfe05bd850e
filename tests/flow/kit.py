"""The real system as its own processes, on free ports and a temporary DATA_DIR: started, killed, started again, stopped."""

import contextlib
import functools
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import httpx
import redis

from tests import sandbox_key
from tests.flow.proc import children, command, pids, read
from tests.flow.signer import Signer
from tests.memory import in_memory
from tests.patience import PATIENCE_S, until
from tests.ports import free_port

ROOT = Path(__file__).parent.parent.parent
PROGRAMS = {
    "redis": "processes.redis_server",
    "sandbox": "sandbox",
    "receiver": "ingest",
    "worker": "workers",
    "scheduler": "workers.scheduler",
}
ALL = tuple(PROGRAMS)
TOKEN = "flow-token-0123456789"  # of the merchant API
STOPPED_FIRST = ("receiver", "worker", "scheduler", "sandbox", "redis")


def seeded() -> random.Random:
    """Chance that can be had again: the seed is printed, and FLOW_SEED sets it."""
    seed = int(os.environ.get("FLOW_SEED") or random.SystemRandom().randrange(1_000_000))
    print(f"FLOW_SEED={seed}")
    return random.Random(seed)


class System:
    """The processes by name. A second one of a kind is called `<name>/2`."""

    def __init__(
        self, directory: Path, signer: Signer, environment: Mapping[str, str] = MappingProxyType({})
    ) -> None:
        self.directory, self.signer = directory, signer
        self.processes: dict[str, subprocess.Popen[bytes]] = {}
        # A connection for each request: one that is kept open breaks when its receiver is killed.
        self._http = httpx.Client(timeout=PATIENCE_S, limits=httpx.Limits(max_keepalive_connections=0))
        self.port, self.sandbox_port = free_port(), free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.sandbox_url = f"http://127.0.0.1:{self.sandbox_port}"
        self.merchant = _signers()[1]
        for name, data in (
            ("public", signer.public),
            ("merchant", self.merchant.private),
            ("merchant_public", self.merchant.public),
        ):
            (directory / f"{name}.pem").write_bytes(data)
        keys = f"{directory / 'public.pem'},{directory / 'data/sandbox/public_key.pem'}"
        passed_on = ("PATH", "HOME", "REDIS_SERVER")  # nothing else of a developer's settings
        self.environment = {name: os.environ[name] for name in passed_on if name in os.environ} | {
            "PYTHONPATH": str(ROOT),
            "PYTHONUNBUFFERED": "1",
            "PINGPP_INGEST_PARENT_PID": str(os.getpid()),  # should we be killed, they end too
            "DATA_DIR": str(directory / "data"),
            "PORT": str(self.port),
            "SANDBOX_PORT": str(self.sandbox_port),
            "PINGPP_API_BASE": self.sandbox_url,
            "PINGPP_API_KEY": "sk_live_flow0000000000000000",
            "PINGPP_PUBLIC_KEY_FILES": keys,
            "PINGPP_PRIVATE_KEY_FILE": str(directory / "merchant.pem"),
            "MERCHANT_API_TOKENS": f"another,{TOKEN}",
            "SANDBOX_MERCHANT_PUBLIC_KEY_FILE": str(directory / "merchant_public.pem"),
            **environment,
        }

    def start(self, *names: str) -> None:
        """Start them without waiting."""
        for name in names:
            log = (self.directory / f"{name.replace('/', '-')}.log").open("ab")
            with log:
                self.processes[name] = subprocess.Popen(
                    [sys.executable, "-m", PROGRAMS[name.partition("/")[0]]],
                    env=self.environment,
                    cwd=self.directory,  # no .env of a developer's is found here
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=subprocess.STDOUT,
                    start_new_session=True,
                )

    def start_and_wait(self, *names: str) -> None:
        """Start them in this order, each once those before it work."""
        for name in names:
            self.start(name)
            until(
                lambda name=name: self.works(name) or self._ended(name),  # type: ignore[misc]
                f"{name} works; see the logs in {self.directory}",
            )
            assert not self._ended(name), f"{name} ended; see the logs in {self.directory}"

    def works(self, name: str) -> bool:
        """Whether it does its work."""
        if self._ended(name):
            return False
        if name == "redis":
            return self.redis_answers()
        if name == "worker":
            others = ("asks", "checks_now", "checks", "sweeps")
            return len(self.rq_workers("events")) >= 2 and all(self.rq_workers(what) for what in others)
        if name in ("receiver", "sandbox"):
            return self.status_of("/readyz" if name == "receiver" else "/sandbox/healthz", name) == 200
        return True

    def _ended(self, name: str) -> bool:
        return self.processes[name].poll() is not None

    def tend(self) -> None:
        """Start again what has ended, as whoever runs the system would."""
        for name in [one for one in self.processes if self._ended(one)]:
            self.start(name)

    def kill(self, name: str) -> bool:
        """SIGKILL one process and wait until it has ended; of `redis` it is the server itself. False: not there."""
        process = self.processes[name]
        victims = children(process.pid) if name == "redis" else [process.pid]
        if process.poll() is not None or not victims:
            return False
        for pid in victims:
            os.kill(pid, signal.SIGKILL)
        process.wait(PATIENCE_S)
        return True

    def rq_workers(self, what: str) -> list[int]:
        """The pids of the pool's RQ workers on one queue."""
        return [pid for pid in children(self.processes["worker"].pid) if command(pid)[-1:] == [what]]

    def stop(self, name: str) -> int:
        """SIGTERM one process; its exit status."""
        process = self.processes.pop(name)
        process.terminate()
        try:
            return process.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            raise AssertionError(f"{name} did not end on SIGTERM") from None

    def stop_all(self) -> None:
        """Stop all, and be sure that nothing of it is left."""
        self._http.close()
        try:
            for kind in STOPPED_FIRST:
                for name in [one for one in self.processes if one.partition("/")[0] == kind]:
                    self.stop(name)
            until(lambda: not self.left(), f"nothing is left of {self.left()}")
        finally:
            for pid in self.left():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            for process in self.processes.values():
                process.wait()

    def left(self) -> list[int]:
        """Whatever runs with our DATA_DIR, whoever started it."""
        ours = f"DATA_DIR={self.environment['DATA_DIR']}".encode()
        return [pid for pid in pids() if ours in read(pid, "environ").split(b"\0")]

    def redis(self) -> redis.Redis:
        """A client of the embedded Redis."""
        return redis.Redis.from_url((self.directory / "data/redis/url").read_text().strip())

    def redis_answers(self) -> bool:
        try:
            with self.redis() as client:
                return bool(client.ping())
        except (redis.RedisError, OSError):
            return False

    def status_of(self, path: str, name: str = "receiver") -> int:
        """The status of a GET; 0: nobody answers."""
        base = self.sandbox_url if name == "sandbox" else self.url
        try:
            return self._http.get(f"{base}{path}").status_code
        except httpx.TransportError:
            return 0

    def post(self, body: bytes, signature: str | None = None) -> int:
        """Send a webhook, signed if no signature is given; the status of the answer."""
        headers = self.signer.headers(body, signature)
        return self._http.post(f"{self.url}/webhooks", content=body, headers=headers).status_code

    def api(self, method: str, path: str, body: Any = None, **headers: str) -> httpx.Response:
        """A call of the merchant API."""
        headers = {"Authorization": f"Bearer {TOKEN}", **headers}
        return self._http.request(method, f"{self.url}{path}", json=body, headers=headers)

    def sandbox(self, method: str, path: str, body: Any = None) -> Any:
        """What the sandbox's control answers."""
        answer = self._http.request(method, f"{self.sandbox_url}/sandbox{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json() if answer.content else None

    def gateway(self, method: str, path: str, body: Any = None) -> Any:
        """What Ping++ answers the merchant's own code, which does not know of us."""
        content = b"" if body is None else json.dumps(body).encode()
        timestamp = str(int(time.time()))
        headers = {
            "Authorization": f"Bearer {self.environment['PINGPP_API_KEY']}",
            "Pingplusplus-Request-Timestamp": timestamp,
            "Pingplusplus-Signature": self.merchant.sign(content + path.encode() + timestamp.encode()),
        }
        answer = self._http.request(method, f"{self.sandbox_url}{path}", content=content, headers=headers)
        assert answer.is_success, answer.text
        return answer.json()

    def messages(self) -> list[dict[str, Any]]:
        """What stands on the fulfilment stream."""
        with self.redis() as client:
            entries: Any = client.xrange("fulfilment")
        return [json.loads(fields[b"event"]) for _, fields in entries]

    def begin(self, *words: str) -> subprocess.Popen[str]:
        """A command, under way."""
        return subprocess.Popen(
            [sys.executable, "-m", "ops.cli", *words],
            env=self.environment,
            cwd=self.directory,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def cli(self, *words: str, status: int = 0) -> str:
        """What the command line answers, with that exit status."""
        with self.begin(*words) as command:
            try:
                out, err = command.communicate(timeout=PATIENCE_S)
            except BaseException:
                command.kill()
                raise
        assert command.returncode == status, err
        return out

    def cli_json(self, *words: str, status: int = 0) -> Any:
        """The same, as the JSON document that it is."""
        return json.loads(self.cli(*words, "--json", status=status))


@contextlib.contextmanager
def running(directory: Path, *names: str, **environment: str) -> Iterator[System]:
    """A system with these processes working; `environment` goes before what they are told else."""
    with in_memory() as data:
        (directory / "data").symlink_to(data)
        sandbox_key.give(data)
        system = System(directory, _signers()[0], environment)
        try:
            system.start_and_wait(*names)
            yield system
        finally:
            system.stop_all()


@functools.cache
def _signers() -> tuple[Signer, Signer]:
    """Ping++ and the merchant."""
    return Signer(), Signer()
