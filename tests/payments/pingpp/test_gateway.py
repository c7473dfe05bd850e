"""What an answer of Ping++ means: an object, a refusal (known), or no answer that counts (unknown)."""

import asyncio
import base64
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stamina
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding

from payments.pingpp.gateway import Gateway, GatewayError, NotFound, NotNow, Refused, Unanswered
from tests.flow.signer import Signer

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=3, cap=True):
        yield


def retrieve(answer: Answer, **more: Any) -> dict[str, Any]:
    async def run() -> dict[str, Any]:
        async with Gateway(
            "http://pingpp", "sk_test_x", transport=httpx.MockTransport(answer), **more
        ) as gateway:
            return await gateway.retrieve_charge("ch_1")

    return asyncio.run(run())


def error(status: int, **fields: str) -> httpx.Response:
    return httpx.Response(status, json={"error": {"type": "x", "message": "said so", **fields}})


def test_an_object_is_an_answer() -> None:
    assert retrieve(lambda _: httpx.Response(200, json={"id": "ch_1"})) == {"id": "ch_1"}


@pytest.mark.parametrize(
    ("answer", "meaning"),
    [
        (error(404), NotFound),
        (error(400, code="bad"), Refused),
        (error(402, code="charge_closed"), Refused),
        (error(401), NotNow),
        (error(403), NotNow),
        (error(429), NotNow),
        (error(500), Unanswered),
        (httpx.Response(502, text="<html>"), Unanswered),
        (httpx.Response(200, text="<html>"), Unanswered),
        (httpx.Response(200, json=[]), Unanswered),
        (httpx.Response(200, json={"error": {"message": "x"}}), Unanswered),
        (httpx.Response(302, headers={"location": "http://elsewhere"}), Unanswered),
    ],
)
def test_what_each_answer_means(answer: httpx.Response, meaning: type[GatewayError]) -> None:
    with pytest.raises(GatewayError) as caught:
        retrieve(lambda _: answer)
    assert type(caught.value) is meaning
    assert caught.value.status == answer.status_code
    assert "sk_test_x" not in str(caught.value)


def test_reading_is_tried_again_after_what_may_pass_and_after_nothing_else() -> None:
    for failure, tries in (
        (error(503), 3),
        (error(429), 3),
        (httpx.ConnectTimeout("slow"), 3),
        (error(404), 1),
    ):
        seen: list[httpx.Request] = []

        def answer(request: httpx.Request, failure: Any = failure, seen: list[Any] = seen) -> httpx.Response:
            seen.append(request)
            if isinstance(failure, Exception):
                raise failure
            return failure  # type: ignore[no-any-return]

        with pytest.raises(GatewayError):
            retrieve(answer)
        assert len(seen) == tries


def test_a_passing_failure_is_not_seen() -> None:
    answers = iter([error(500), httpx.Response(200, json={"id": "ch_1"})])
    assert retrieve(lambda _: next(answers))["id"] == "ch_1"


def test_each_request_bears_the_key_and_is_signed_as_the_official_clients_sign(signer: Signer) -> None:
    requests = []

    def answer(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json={"id": "ch_1"})

    retrieve(answer, private_key=signer.key)
    (request,) = requests
    assert request.headers["authorization"] == "Bearer sk_test_x"
    signed = b"/v1/charges/ch_1" + request.headers["pingplusplus-request-timestamp"].encode()
    signature = base64.b64decode(request.headers["pingplusplus-signature"])
    signer.key.public_key().verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())


def test_an_id_cannot_lead_to_another_address() -> None:
    async def run() -> str:
        paths = []

        def answer(request: httpx.Request) -> httpx.Response:
            paths.append(request.url.raw_path.decode())
            return httpx.Response(200, json={"id": "x"})

        async with Gateway("http://pingpp", "k", transport=httpx.MockTransport(answer)) as gateway:
            await gateway.retrieve_charge("../refunds?x=1#y")
        return paths[0]

    assert asyncio.run(run()) == "/v1/charges/..%2Frefunds%3Fx%3D1%23y"


def test_refunds_are_read_to_the_last_page() -> None:
    pages = {"": (["re_3", "re_2"], True), "re_2": (["re_1"], False)}
    asked = []

    def answer(request: httpx.Request) -> httpx.Response:
        after = request.url.params.get("starting_after", "")
        asked.append(after)
        ids, more = pages[after]
        return httpx.Response(200, json={"data": [{"id": id_} for id_ in ids], "has_more": more})

    async def run() -> list[str]:
        async with Gateway("http://pingpp", "k", transport=httpx.MockTransport(answer)) as gateway:
            return [refund["id"] async for refund in gateway.list_refunds("ch_1")]

    assert asyncio.run(run()) == ["re_3", "re_2", "re_1"]
    assert asked == ["", "re_2"]


def posted(answer: Answer, call: Callable[[Gateway], Any]) -> Any:
    async def run() -> Any:
        async with Gateway("http://pingpp", "sk_test_x", transport=httpx.MockTransport(answer)) as gateway:
            return await call(gateway)

    return asyncio.run(run())


POSTS: dict[str, Callable[[Gateway], Any]] = {
    "create": lambda gateway: gateway.create_charge({"order_no": "1"}),
    "reverse": lambda gateway: gateway.reverse_charge("ch_1"),
    "refund": lambda gateway: gateway.create_refund("ch_1", {"description": "x"}),
}
FAILURES: list[tuple[Any, type[GatewayError]]] = [
    (httpx.ReadTimeout("slow"), Unanswered),
    (httpx.ReadError("reset"), Unanswered),
    (httpx.RemoteProtocolError("closed"), Unanswered),
    (error(500), Unanswered),
    (error(502), Unanswered),
    (httpx.ConnectError("refused"), NotNow),
    (httpx.ConnectTimeout("slow"), NotNow),
    (error(403), NotNow),
    (error(402, code="channel_request_error"), Refused),
]


@pytest.mark.parametrize("call", POSTS)
@pytest.mark.parametrize(("failure", "meaning"), FAILURES)
def test_what_changes_something_is_never_made_again_blindly(
    call: str, failure: Any, meaning: type[GatewayError]
) -> None:
    made: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        made.append(request)
        if isinstance(failure, Exception):
            raise failure
        return failure  # type: ignore[no-any-return]

    with pytest.raises(GatewayError) as caught:
        posted(answer, POSTS[call])
    assert (type(caught.value), len(made)) == (meaning, 1)


def test_an_error_object_is_handed_on() -> None:
    answer = error(402, code="charge_closed", param="id")
    with pytest.raises(Refused) as caught:
        posted(lambda _: answer, POSTS["reverse"])
    problem = caught.value
    assert (problem.status, problem.type, problem.code, problem.param) == (402, "x", "charge_closed", "id")
    assert problem.error["message"] == "said so"
