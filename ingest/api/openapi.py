"""Describes the merchant API as OpenAPI 3.1 (`GET /openapi.json`). Its bounds come from the channels' table."""

from collections.abc import Mapping
from typing import Any

import msgspec

from ingest.api.fields import KEY
from ingest.api.openapi_schemas import SCHEMAS
from ingest.api.problems import CODES, MEDIA_TYPE
from ingest.api.reading import BODY_LIMIT, MOST_WAIT_S

Object = dict[str, Any]


def _ref(kind: str, name: str) -> Object:
    return {"$ref": f"#/components/{kind}/{name}"}


def _content(schema: Object, **more: Any) -> Object:
    return {"application/json": {"schema": schema, **more}}


_PAYMENT_EXAMPLE: Object = {
    "order_no": "20261001000001",
    "app": "app_1Gqj58ynP0mHeX1q",
    "status": "pending",
    "amount": 100,
    "amount_refunded": 0,
    "currency": "cny",
    "channel": "alipay_qr",
    "livemode": True,
    "created_at": "2026-10-01T08:00:00Z",
    "paid_at": None,
    "expires_at": "2026-10-02T08:00:00Z",
    "charges": [
        {
            "id": "ch_0azrD0qjXnv9nXLC0Surn1SK",
            "channel": "alipay_qr",
            "status": "pending",
            "amount": 100,
            "currency": "cny",
            "order_no": "20261001000001",
            "time_paid": None,
            "transaction_no": None,
            "amount_refunded": 0,
            "amount_settle": 100,
            "extra": {},
        }
    ],
    "refunds": [],
    "checkout_url": "https://shop.example/checkout/2fY1mQ0c7tVbN5xKzP9wRjLhGdSaEu3o",
    "qr_text": "https://qr.alipay.com/bax03431ljhokirwl38f00a7",
}
_ASKED: Object = {
    "order_no": "20261001000001",
    "amount": 100,
    "currency": "cny",
    "subject": "茶叶",
    "body": "Tea, 100 g",
    "client_ip": "203.0.113.7",
}
_EXAMPLES: Object = {
    "qr": {"summary": "A QR code to show", "value": {**_ASKED, "channel": "alipay_qr"}},
    "till": {
        "summary": "A code that was scanned at the till",
        "value": {**_ASKED, "channel": "wx_pub_scan", "extra": {"scan_code": "134567890123456789"}},
    },
}


def _header(description: str, schema: Object) -> Object:
    return {"description": description, "schema": schema}


_HEADERS: Object = {
    "Location": _header("where the payment is", {"type": "string", "format": "uri-reference"}),
    "Retry-After": _header("seconds after which to ask again", {"type": "string", "pattern": "^[0-9]+$"}),
    "Preference-Applied": _header(
        "the preference that was followed", {"type": "string", "pattern": "^wait=[0-9]+$"}
    ),
    "WWW-Authenticate": _header("the scheme to use", {"type": "string", "const": "Bearer"}),
}


def _headers(*names: str) -> Object:
    return {name: _ref("headers", name) for name in names}


def _problem(description: str, *codes: str, headers: tuple[str, ...] = ()) -> Object:
    words = "; ".join(f"`{code}`: {CODES[code][1]}" for code in codes)
    schema: Object = {
        "allOf": [_ref("schemas", "Problem"), {"properties": {"code": {"enum": list(codes)}}}],
    }
    return {
        "description": f"{description} {words}." if description else f"{words}.",
        "headers": _headers(*headers),
        "content": {MEDIA_TYPE: {"schema": schema}},
    }


_RESPONSES: Object = {
    "NotJson": _problem("Not JSON, or no object.", "invalid"),
    "Unauthorized": _problem("", "unauthorized", headers=("WWW-Authenticate",)),
    "NotFound": _problem("", "not_found"),
    "BodyTimeout": _problem("", "body_timeout"),
    "BodyTooLarge": _problem(f"More than {BODY_LIMIT} bytes.", "body_too_large"),
    "WrongContentType": _problem("", "wrong_content_type"),
    "Invalid": _problem("Fields with the rules that they break.", "invalid"),
    "Refused": _problem("Our rules, or Ping++'s.", "invalid", "gateway_refused"),
    "RateLimited": _problem("", "rate_limited", headers=("Retry-After",)),
    "Broken": _problem("", "internal_error"),
    "Unavailable": _problem("Redis or Ping++ is unreachable.", "unavailable", headers=("Retry-After",)),
}


def _answers(*names: str) -> Object:
    numbers = {
        "NotJson": 400, "Unauthorized": 401, "NotFound": 404, "BodyTimeout": 408, "BodyTooLarge": 413,
        "WrongContentType": 415, "Invalid": 422, "Refused": 422, "RateLimited": 429, "Broken": 500, "Unavailable": 503,
    }  # fmt: skip
    always = ("Unauthorized", "Broken", "Unavailable")
    return {str(numbers[name]): _ref("responses", name) for name in (*names, *always)}


_OF_BODY = ("NotJson", "BodyTimeout", "BodyTooLarge", "WrongContentType")


def _payment(description: str, *headers: str, schema: str = "Payment") -> Object:
    content = _content(_ref("schemas", schema))
    if schema == "Payment":
        content = _content(_ref("schemas", schema), example=_PAYMENT_EXAMPLE)
    return {"description": description, "headers": _headers(*headers), "content": content}


def _parameter(name: str, place: str, description: str, schema: Object, **more: Any) -> Object:
    return {"name": name, "in": place, "description": description, "schema": schema, **more}


_ANY_ORDER_NO: Object = {"type": "string", "minLength": 1, "maxLength": 256}  # of charges made elsewhere, too
_PARAMETERS: Object = {
    "order_no": _parameter(
        "order_no",
        "path",
        "the merchant's order number, percent-encoded",
        _ANY_ORDER_NO,
        required=True,
    ),
    "charge_id": _parameter(
        "charge_id", "path", "the charge's id at Ping++", _ref("schemas", "ChargeId"), required=True
    ),
    "app": _parameter(
        "app",
        "query",
        "the payment's app; it can be left out where exactly one is configured",
        _ref("schemas", "App"),
    ),
    "prefer": _parameter(
        "Prefer",
        "header",
        f"`wait=N`: answer when the payment is settled (neither `creating` nor `pending`), or after N seconds; at "
        f"most {MOST_WAIT_S} (RFC 7240)",
        {"type": "string", "examples": ["wait=10"]},
    ),
    "key": _parameter(
        "Idempotency-Key",
        "header",
        "names this refund for ever: the same key with the same body is the same refund. The merchant's own refund "
        "number serves well",
        {
            "type": "string",
            "minLength": KEY.shortest,
            "maxLength": KEY.longest,
            "pattern": f"^{KEY.pattern}$",
        },
        required=True,
        example="R20261001-1",
    ),
}


def _parameters(*names: str) -> list[Object]:
    return [_ref("parameters", name) for name in names]


def _body(schema: str, *, required: bool = True, **more: Any) -> Object:
    return {"required": required, "content": _content(_ref("schemas", schema), **more)}


def _operation(
    operation_id: str, summary: str, description: str, responses: Mapping[str, Any], **more: Any
) -> Object:
    ordered = dict(sorted(responses.items()))
    return {
        "operationId": operation_id,
        "summary": summary,
        "description": description,
        **more,
        "responses": ordered,
    }


def _stopping(verb: str, summary: str, description: str) -> Object:
    return _operation(
        f"{verb}Payment",
        summary,
        description,
        {
            "200": _payment("It is done."),
            "202": _payment("It is not settled yet; ask for the payment.", "Location", "Retry-After"),
            "409": _problem("", "not_reversible", "attempt_open", headers=("Retry-After",)),
            **_answers(*_OF_BODY, "NotFound", "Invalid"),
        },
        parameters=_parameters("order_no", "app"),
        requestBody=_body("StopRequest", required=False, example={"if_paid": "refund"}),
    )


_PATHS: Object = {
    "/payments": {
        "post": _operation(
            "createPayment",
            "Create a payment",
            "Idempotent by app and order_no: the same again returns the same payment. Another channel or `extra` is a "
            "new attempt at the same payment. What each channel needs besides: docs/channels.md.",
            {
                "200": _payment("The payment was known.", "Preference-Applied"),
                "201": _payment("Registered now, with a charge.", "Location", "Preference-Applied"),
                "202": _payment(
                    "What Ping++ did is not known yet; ask for the payment.",
                    "Location",
                    "Retry-After",
                    "Preference-Applied",
                ),
                "409": _problem(
                    "", "order_conflict", "attempt_open", "not_payable", headers=("Retry-After",)
                ),
                **_answers(*_OF_BODY, "Refused", "RateLimited"),
            },
            parameters=_parameters("prefer"),
            requestBody=_body("PaymentRequest", examples=_EXAMPLES),
        ),
        "get": _operation(
            "listPayments",
            "List payments, newest first",
            "With `order_no`: those of that order number, one at most in each app; for order numbers that do not fit a "
            "path. A page can have fewer payments than `limit`; there are more as long as `next_cursor` is not null.",
            {"200": _payment("A page.", schema="PaymentList"), **_answers("Invalid")},
            parameters=[
                *_parameters("app"),
                _parameter(
                    "limit",
                    "query",
                    "of a page",
                    {"type": "integer", "minimum": 1, "maximum": 100, "default": 20},
                ),
                _parameter(
                    "cursor",
                    "query",
                    "a `next_cursor`",
                    {"type": "string", "minLength": 1, "maxLength": 1024},
                ),
                _parameter("order_no", "query", "the merchant's order number", _ANY_ORDER_NO),
            ],
        ),
    },
    "/payments/{order_no}": {
        "get": _operation(
            "getPayment",
            "Show a payment",
            "As the books have it. One that is not settled is looked at anew, so that the next answer is fresh.",
            {"200": _payment("The payment.", "Preference-Applied"), **_answers("NotFound", "Invalid")},
            parameters=_parameters("order_no", "app", "prefer"),
        )
    },
    "/payments/{order_no}/refunds": {
        "post": _operation(
            "refundPayment",
            "Refund a payment, or part of it",
            "`amount` is all that is left where it is missing. `charge` is needed where several charges are paid. A "
            "refund may be `pending` for days: its end is published as `pingpp.payment.refunded` or `refund_failed`.",
            {
                "200": _payment("This refund was asked for before.", schema="RefundAnswer"),
                "201": _payment("Ping++ has taken it.", "Location", schema="RefundAnswer"),
                "202": _payment(
                    "What Ping++ did is not known yet.", "Location", "Retry-After", schema="RefundAnswer"
                ),
                "409": _problem("", "not_refundable", "refund_exceeds"),
                **_answers(*_OF_BODY, "NotFound", "Refused", "RateLimited"),
            },
            parameters=_parameters("order_no", "app", "key"),
            requestBody=_body("RefundRequest", example={"amount": 40, "description": "one cup was broken"}),
        )
    },
    "/payments/{order_no}/close": {
        "post": _stopping(
            "close",
            "End the checkout",
            "Allows no more attempts, and reverses what can still be paid, where the channel can. A payment that comes "
            "all the same is published as `paid_late`, and refunded where `if_paid` says so.",
        )
    },
    "/payments/{order_no}/reverse": {
        "post": _stopping(
            "reverse",
            "Reverse what can still be paid",
            "With `if_paid` `refund` also what is paid, where the channel gives it back.",
        )
    },
    "/charges/{charge_id}": {
        "put": _operation(
            "watchCharge",
            "Watch a charge made elsewhere",
            "Puts a charge that the merchant's own code made under our care: it is looked at until it is settled, whether "
            "or not webhooks come, and never reversed by us. What the body says of it has to agree with Ping++ and with "
            "the books; else nothing is done. The price that is given is registered: no later look overrules it. "
            "Idempotent.",
            {
                "200": _payment("The charge was in the books already."),
                "201": _payment("It is now.", "Location"),
                "409": _problem(
                    "`errors` names what does not agree, with what it would have to be.", "order_conflict"
                ),
                **_answers(*_OF_BODY, "NotFound", "Refused", "RateLimited"),
            },
            parameters=_parameters("charge_id"),
            requestBody=_body(
                "WatchRequest",
                required=False,
                example={"order_no": "20261001000001", "amount": 100, "currency": "cny"},
            ),
        )
    },
    "/openapi.json": {
        "get": _operation(
            "getDescription",
            "This document",
            "Needs no token.",
            {
                "200": {"description": "OpenAPI 3.1", "content": _content({"type": "object"})},
                "500": _ref("responses", "Broken"),
            },
            security=[],
        )
    },
}

SPECIFICATION: Object = {
    "openapi": "3.1.0",
    "info": {
        "title": "pingpp-ingest: the merchant API",
        "version": "1",
        "description": "For the merchant's own server. Amounts are integers in the smallest unit; our own times end in "
        "`_at` and are RFC 3339 in UTC; Ping++'s objects keep Ping++'s names and Unix seconds. Null is the same as left "
        "out. Refusals are problem documents (RFC 9457) with a `code`. Members are added to answers, never removed.",
    },
    "security": [{"token": []}],
    "paths": _PATHS,
    "components": {
        "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
        "schemas": SCHEMAS,
        "responses": _RESPONSES,
        "parameters": _PARAMETERS,
        "headers": _HEADERS,
    },
}
DOCUMENT = msgspec.json.encode(SPECIFICATION)
