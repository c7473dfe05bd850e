"""The two kinds of refusal: one as Ping++ answers it, and one for a wrong control call."""

from typing import Any

import msgspec
from starlette.responses import Response

Object = dict[str, Any]


class Refused(Exception):
    """A refusal as by Ping++. Ping++ docs: the body is {"error": {type, message, code?, param?}}."""

    def __init__(self, status: int, type_: str, message: str, *, code: str = "", param: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.error = {"type": type_, "message": message}
        if code:
            self.error["code"] = code
        if param:
            self.error["param"] = param


class Problem(Exception):
    """A control call that cannot be done: a problem document (RFC 9457) with a code word."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status = status
        self.code = code
        self.document = {
            "type": "about:blank",
            "title": code.replace("_", " "),
            "status": status,
            "code": code,
            "detail": detail,
        }


def invalid(param: str, message: str) -> Refused:
    return Refused(400, "invalid_request_error", message, param=param)


def not_found(kind: str, id_: str) -> Refused:
    return Refused(404, "invalid_request_error", f"No such {kind}: {id_}", param="id")


def not_possible(code: str, message: str) -> Refused:
    """A refusal with 402. Ping++ docs: the request is well-formed but cannot be done."""
    return Refused(402, "invalid_request_error", message, code=code)


def json(content: Any, status: int = 200) -> Response:
    return Response(msgspec.json.encode(content), status, media_type="application/json")


def as_response(no: Refused | Problem) -> Response:
    if isinstance(no, Refused):
        return json({"error": no.error}, no.status)
    body = msgspec.json.encode(no.document)
    return Response(body, no.status, media_type="application/problem+json")


def read_object(body: bytes) -> Object | None:
    """The JSON object in a request body. An empty body counts as `{}`."""
    if not body.strip():
        return {}
    try:
        content = msgspec.json.decode(body)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
    return content if isinstance(content, dict) else None
