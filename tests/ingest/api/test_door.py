"""Who may call the merchant API, and which address is what."""

import itertools
from pathlib import Path
from unittest.mock import patch

import httpx
import pytest
from structlog.testing import capture_logs

from ingest.office import Office
from processes.redis_server import Server
from tests.ingest.api.kit import Shop, asked, check, in_shop

pytestmark = pytest.mark.usefixtures("client")


NO_TOKEN = (
    None, "", "Bearer", "Bearer ", "Bearer wrong", "Basic token-of-the-shop", "token-of-the-shop",
    "Bearer token-of-the-shoq", "Bearer token-of-the-shop,other", "Bearer tökén",
)  # fmt: skip


PLACES = (("POST", "/payments"), ("GET", "/payments"), ("GET", "/payments/x"), ("PUT", "/payments/a/b/c"))


def test_without_a_right_token_nothing_is_read(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        del shop.http.headers["authorization"]
        for header, (method, path) in itertools.product(NO_TOKEN, PLACES):
            given = {} if header is None else {"Authorization": header.encode()}
            answer = await shop.say(method, path, asked(), 401, headers=given)
            assert (answer.json()["code"], answer.headers["www-authenticate"]) == ("unauthorized", "Bearer")
        assert shop.line.calls == []

    with capture_logs() as lines:
        in_shop(server, tmp_path, calls)
    assert [line["outcome"] for line in lines if line["event"] == "merchant API"].count("unauthorized") in (
        1,
        2,
    )


def test_the_description_needs_no_token(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        del shop.http.headers["authorization"]
        assert (await shop.get("/openapi.json"))["openapi"] == "3.1.0"
        assert (await shop.say("HEAD", "/openapi.json", None, 200)).headers[
            "content-type"
        ] == "application/json"

    in_shop(server, tmp_path, calls)


def test_each_token_is_right_in_any_case_of_its_scheme(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        for header in ("Bearer other", "bearer  token-of-the-shop", "BEARER other"):
            await shop.get("/payments", headers={"Authorization": header})
        twice = [("Authorization", "Bearer other"), ("Authorization", "Bearer other")]
        del shop.http.headers["authorization"]
        await shop.get("/payments", 401, headers=twice)

    in_shop(server, tmp_path, calls)


NOT_ALLOWED = (
    ("DELETE", "/payments", "HEAD, GET, POST"),
    ("POST", "/payments/x", "HEAD, GET"),
    ("GET", "/payments/x/refunds", "POST"),
    ("GET", "/payments/x/close", "POST"),
    ("PUT", "/openapi.json", "HEAD, GET"),
)


NOT_THERE = (
    ("GET", "/payments/"), ("GET", "/payments/x"), ("POST", "/payments/x/close"), ("POST", "/payments/x/nothing"),
    ("POST", "/payments/x/reverse"), ("GET", "/payments/x/y/z"), ("GET", "/payments/%FF"), ("POST", "/payments//close"),
    ("GET", "/payments/a%3Ab"), ("GET", "/payments/a%0Ab"), ("GET", f"/payments/{'x' * 5000}"),
)  # fmt: skip


def test_what_is_not_there_is_a_problem_too(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> None:
        for method, path, allow in NOT_ALLOWED:
            answer = await shop.say(method, path, None, 405)
            assert (answer.json()["code"], answer.headers["allow"]) == ("method_not_allowed", allow)
        for method, path in NOT_THERE:
            assert (await shop.say(method, path, None, 404)).json()["code"] == "not_found"

    in_shop(server, tmp_path, calls)


def test_what_nobody_foresaw_is_logged_and_told_without_details(server: Server, tmp_path: Path) -> None:
    async def calls(shop: Shop) -> httpx.Response:
        with patch.object(Office, "find", side_effect=RuntimeError("the cupboard is bare")):
            return await shop.say("GET", "/payments/x", None, 500)

    with capture_logs() as lines:
        answer = in_shop(server, tmp_path, calls)
    check(answer)
    assert (answer.json()["code"], "cupboard" in answer.text) == ("internal_error", False)
    assert [line["log_level"] for line in lines if line["event"] == "merchant API broke"] == ["error"]
