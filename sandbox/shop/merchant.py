"""Calls the merchant API as the demo shop's own server, and tells what went wrong in one way."""

import re
from typing import Any
from urllib.parse import quote

import httpx
import msgspec

from sandbox.refusals import Object
from sandbox.settings import Settings

SAMPLE_APP = "app_1Gqj58ynP0mHeX1q"  # of the guide; where no app is set, any will do
ANSWER_S = 35  # the API itself waits for Ping++ for 30
RECENT = 12


class Trouble(Exception):
    """The API said no, or could not be asked. `code` is its code word, or one of ours; the texts are in English."""

    def __init__(self, code: str, status: int, detail: str = "", errors: tuple[str, ...] = ()) -> None:
        super().__init__(code)
        self.code, self.detail, self.errors = code, detail, errors
        # What the shop's own visitor gets: a 401 would be about the visitor, and this one is about the shop.
        self.status = status if 400 <= status < 500 and status != 401 else 502


class Merchant:
    """A client of the API; every call ends in time, with an answer or with Trouble."""

    def __init__(self, settings: Settings, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._settings = settings
        self.url = settings.merchant_api_url
        # The API calls the sandbox back while the shop waits: all of it in one loop, so nothing here may block.
        self._client = httpx.AsyncClient(
            base_url=self.url,
            transport=transport,
            trust_env=False,
            limits=httpx.Limits(max_keepalive_connections=0),  # one that is kept breaks with its receiver
            verify=self.url.startswith("https:"),  # else no certificates are read, which takes a while
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
        """Ends the checkout; the payment."""
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
            # By its kind alone: the message of one of these quotes headers.
            raise Trouble("no_answer", 502, type(error).__name__) from None
        if not answer.is_success:
            raise _refusal(answer)
        return _object(answer)

    def _token(self) -> str:
        """Read anew at each call: `make run` may make it after us, and it may be changed."""
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
    """What a payment always has, so that the pages need not ask; whoever else listens there has it not."""
    if not isinstance(content, dict) or not content.keys() >= {"order_no", "status", "charges", "refunds"}:
        raise Trouble("odd_answer", 502)
    return content


def _refusal(answer: httpx.Response) -> Trouble:
    kind = answer.headers.get("content-type", "")
    if not kind.startswith("application/problem+json"):
        # A receiver that does not serve the API has nothing at its address.
        code = "not_served" if answer.status_code == 404 else "odd_answer"
        return Trouble(code, 502, f"{answer.status_code} {kind}")
    problem = _object(answer)
    errors: Any = problem.get("errors") or []
    said = tuple(f"{one.get('field')}: {one.get('rule')}" for one in errors if isinstance(one, dict))
    return Trouble(str(problem.get("code")), answer.status_code, str(problem.get("detail") or ""), said)
