"""What a control call asks for is read strictly, and its mistakes are told as problems."""

import msgspec
import pytest
from starlette.requests import Request

from sandbox.control.asked import limit, read
from sandbox.refusals import Problem

pytestmark = pytest.mark.anyio


class Wish(msgspec.Struct, forbid_unknown_fields=True):
    amount: int = 7


def asked(body: bytes) -> Request:
    async def receive() -> dict[str, object]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "method": "POST", "headers": []}, receive)


async def test_nothing_at_all_is_an_empty_object() -> None:
    assert await read(asked(b""), Wish) == await read(asked(b" \n"), Wish) == Wish(7)
    assert await read(asked(b'{"amount":5}'), Wish) == Wish(5)


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"amount":"5"}', b'{"more":1}', b'{"amount":\xff}', b"[" * 100_000]
)
async def test_what_is_wrong_is_a_problem(body: bytes) -> None:
    with pytest.raises(Problem) as problem:
        await read(asked(body), Wish)
    assert (problem.value.status, problem.value.code) == (400, "invalid")


async def test_a_limit_has_bounds() -> None:
    assert (limit({}, 20, 100), limit({"limit": "100"}, 20, 100)) == (20, 100)
    for wrong in ("0", "101", "all", "-1", "", "\uff11", "1" * 10):
        with pytest.raises(Problem):
            limit({"limit": wrong}, 20, 100)
