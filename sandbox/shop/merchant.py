"""Calls the merchant API as the demo shop's own server; every failure is one kind of error, Trouble."""

import re
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from sandbox.refusals import Object
from sandbox.settings import Settings

# The guide's app. Without PINGPP_APP_IDS any app works.
SAMPLE_APP = "app_1Gqj58ynP0mHeX1q"
# Seconds to wait for an answer; the API itself waits 30 s for Ping++.
ANSWER_S = 35
RECENT = 12


class Trouble(Exception):
    """The API refused or did not answer. `code` is the API's code word or one of the shop's own; texts are English."""

    def __init__(self, code: str, status: int, detail: str = "", errors: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code, self.detail, self.errors = code, detail, errors
        # The status for the shop's visitor. Not 401: it would ask the visitor for a token, but the shop's is wrong.
        self.status = status if 400 <= status < 500 and status != 401 else 502


class Merchant:
    """A client of the merchant API. Every call ends within ANSWER_S and the wait, with an answer or with Trouble."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self.url = settings.merchant_api_url
        # While the shop waits, the API calls this same process, so the calls here must not block the event loop.
        self._client = httpx.AsyncClient(
            base_url=self.url,
            transport=transport,
            trust_env=False,
            # A connection that is kept would break when the receiver starts again.
            limits=httpx.Limits(max_keepalive_connections=0),
            # Without https no certificates are read, which saves time at the start.
            verify=self.url.startswith("https:"),
        )
        apps = [one.strip() for one in settings.pingpp_app_ids.split(",") if one.strip()]
        self._app = apps[0] if apps else SAMPLE_APP

    async def aclose(self) -> None:
        await self._client.aclose()

    async def create(self, request: Object, wait: int = 0) -> Object:
        """The payment."""
        return _payment(await self._call("POST", "/payments", {"app": self._app, **request}, wait=wait))

    async def payment(self, order_no: str, wait: int = 0) -> Object:
        return _payment(await self._call("GET", self._path(order_no), wait=wait))

    async def recent(self) -> list[Object]:
        """The newest payments."""
        answer = await self._call("GET", f"/payments?app={quote(self._app)}&limit={RECENT}")
        found = answer.get("payments")
        if not isinstance(found, list):
            raise Trouble("odd_answer", 502)
        return [_payment(one) for one in found]

    async def refund(self, order_no: str, key: str, request: Object) -> None:
        await self._call("POST", self._path(order_no, "/refunds"), request, key=key)

    async def stop(self, order_no: str) -> Object:
        """End the checkout, and return the payment."""
        return _payment(await self._call("POST", self._path(order_no, "/close"), {}))

    def _path(self, order_no: str, what: str = "") -> str:
        return f"/payments/{quote(order_no, safe='')}{what}?app={quote(self._app)}"

    async def _call(
        self, method: str, path: str, content: Object | None = None, *, wait: int = 0, key: str = ""
    ) -> Object:
        headers = {"authorization": f"Bearer {self._token()}"}
        if wait:
            headers["prefer"] = f"wait={wait}"
        if key:
            headers["idempotency-key"] = key
        timeout = httpx.Timeout(ANSWER_S + wait, connect=3)
        try:
            answer = await self._client.request(method, path, json=content, headers=headers, timeout=timeout)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise Trouble("unreachable", 502) from error
        except httpx.TimeoutException as error:
            raise Trouble("no_answer", 502) from error
        except httpx.HTTPError as error:
            # Only the kind of error is told, because some messages quote headers, and the token is in one.
            raise Trouble("no_answer", 502, type(error).__name__) from None
        if not answer.is_success:
            raise _refusal(answer)
        return _object(answer)

    def _token(self) -> str:
        """The token, read at each call: `make run` may write the file later, and a person may change it."""
        try:
            token = self._settings.merchant_api_token()
        except (OSError, UnicodeDecodeError) as error:
            path = self._settings.merchant_api_tokens_file
            raise Trouble("token_unreadable", 502, f"{path}: {type(error).__name__}") from None
        if not token:
            raise Trouble("no_token", 502)
        if not re.fullmatch(r"[!-~]+", token):
            raise Trouble("token_unreadable", 502, "a token is of visible ASCII characters")
        return token


def _object(answer: httpx.Response) -> Object:
    try:
        content = msgspec.json.decode(answer.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        content = None
    if not isinstance(content, dict):
        raise Trouble("odd_answer", 502, f"{answer.status_code} {answer.headers.get('content-type', '')}")
    return content


def _payment(content: Any) -> Object:
    """The answer, if it has what every payment has. Another server at that address would not send it. Raises Trouble."""
    if not isinstance(content, dict) or not content.keys() >= {"order_no", "status", "charges", "refunds"}:
        raise Trouble("odd_answer", 502)
    return content


def _refusal(answer: httpx.Response) -> Trouble:
    kind = answer.headers.get("content-type", "")
    if not kind.startswith("application/problem+json"):
        # A receiver that does not serve the API answers 404 here.
        code = "not_served" if answer.status_code == 404 else "odd_answer"
        return Trouble(code, 502, f"{answer.status_code} {kind}")
    problem = _object(answer)
    errors: Any = problem.get("errors") or []
    said = tuple(f"{one.get('field')}: {one.get('rule')}" for one in errors if isinstance(one, dict))
    return Trouble(str(problem.get("code")), answer.status_code, str(problem.get("detail") or ""), said)
