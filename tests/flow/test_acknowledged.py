"""Whatever was answered 2xx is on disk, and while nothing can be stored nothing is answered 2xx."""

from pathlib import Path

import pytest
import redis

from tests.flow import books
from tests.flow.kit import System, running
from tests.flow.signer import Signer, member, order_no, paid
from tests.patience import until


@pytest.mark.parametrize("rounds", [5, pytest.param(20, marks=pytest.mark.slow)])
def test_what_was_acknowledged_survives_redis_killed_right_after_the_answer(
    rounds: int, tmp_path: Path
) -> None:
    # Without a worker first: nothing but what the receiver wrote may stand there.
    with running(tmp_path, "redis", "sandbox", "receiver") as system:
        for number in range(rounds):
            body = paid(number)
            assert system.post(body) == 200
            assert system.kill("redis")
            system.start_and_wait("redis")
            with system.redis() as client:
                check_stored(client, number, body)
        with system.redis() as client:
            assert client.zcard("due:events") == rounds
            system.start_and_wait("worker", "scheduler")  # the bell was rung long ago, or lost
            until(lambda: books.idle(client), "nothing waits")
            assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in range(rounds)}
            books.check_agreement(client)


def check_stored(client: redis.Redis, number: int, body: bytes) -> None:
    assert client.hget(f"event:{member(number)}", "seen") == b"1"
    assert client.get(f"body:{member(number)}") == body
    assert client.zscore("due:events", member(number)) is not None


def test_without_redis_nothing_is_acknowledged_and_once_it_is_back_everything_goes_on(system: System) -> None:
    receiver = system.processes["receiver"].pid
    assert system.post(paid(1)) == 200
    assert system.kill("redis")
    for _ in range(3):
        assert system.post(paid(2)) == 500
        assert system.post(paid(3), Signer().sign(paid(3))) == 401  # what is forged is known without Redis
    until(lambda: system.status_of("/readyz") == 503, "/readyz says that nothing can be stored")
    assert system.status_of("/livez") == 200
    system.start_and_wait("redis")
    assert system.post(paid(2)) == 200
    until(lambda: system.status_of("/readyz") == 200, "/readyz says that all is well again")
    assert system.processes["receiver"].pid == receiver
    assert system.processes["receiver"].poll() is None
    system.tend()
    with system.redis() as client:
        until(lambda: len(books.ids(client)) == 2 and books.idle(client), "both are published")
        assert books.ids(client) == {f"paid:{order_no(number)}": 1 for number in (1, 2)}
        assert not client.exists(f"event:{member(3)}")
        books.check_agreement(client)
