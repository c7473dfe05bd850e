"""The shapes of requests and answers of the merchant API, as JSON Schema. Bounds come from the rules themselves."""

from collections.abc import Iterable
from typing import Any

from ingest.api.fields import REFUND_FIELDS, URL
from ingest.api.problems import CODES
from payments.channels import table
from payments.channels.channel import BODY, SUBJECT
from payments.channels.rules import DAY, LARGEST, METADATA_LONGEST, METADATA_PAIRS, MINUTE, OURS, Text

Object = dict[str, Any]

_COMMON = table.find("")  # for a channel that is not in the table, only the common rules hold


def _text(rule: Text, **more: Any) -> Object:
    """A rule as a schema, with its pattern if JavaScript reads it in the same way."""
    schema: Object = {"type": "string", "minLength": rule.shortest}
    if rule.longest is not None:
        schema["maxLength"] = rule.longest
    if "(?" not in rule.pattern:
        schema["pattern"] = f"^{rule.pattern}$"
    return {**schema, **more}


def _or_null(schema: Object) -> Object:
    """The schema, or null: null is the same as left out."""
    return {**schema, "type": [schema["type"], "null"]}


def _integer(least: int = 0, most: int = LARGEST, **more: Any) -> Object:
    return {"type": "integer", "minimum": least, "maximum": most, **more}


def _object(properties: Object, *, required: Iterable[str] = (), closed: bool = False, **more: Any) -> Object:
    made: Object = {"type": "object", "properties": properties, **more}
    if required:
        made["required"] = list(required)
    return {**made, "additionalProperties": False} if closed else made


def _ref(name: str) -> Object:
    return {"$ref": f"#/components/schemas/{name}"}


_STRING: Object = {"type": "string"}
_NULLABLE_STRING: Object = {"type": ["string", "null"]}
_TIME: Object = {"type": ["string", "null"], "format": "date-time"}
_UNIX: Object = {"type": ["integer", "null"], "description": "Unix seconds"}
_CURRENCY: Object = {"type": "string", "minLength": 3, "maxLength": 3, "pattern": "^[a-z]{3}$"}
_METADATA: Object = {
    "type": ["object", "null"],
    "maxProperties": METADATA_PAIRS,
    "propertyNames": {"not": {"pattern": f"^{OURS}"}},
    "description": f"as JSON at most {METADATA_LONGEST} characters; of Ping++'s 20 pairs two are ours",
}
_EXTRA: Object = {"type": ["object", "null"]}

_ASKED: Object = {
    "order_no": {**_ref("OrderNo"), "description": "the merchant's; each channel has bounds of its own"},
    "amount": _integer(1, description="in the smallest unit"),
    "currency": _CURRENCY,
    "channel": {"type": "string", "minLength": 1, "maxLength": 32, "pattern": "^[a-z0-9_]+$",
                "examples": list(table.CHANNELS)},
    "subject": _text(SUBJECT, description="on upacp_* in bytes"),
    "body": _text(BODY),
    "client_ip": {"type": "string", "anyOf": [{"format": "ipv4"}, {"format": "ipv6"}], "description": "the payer's"},
    "app": {"anyOf": [_ref("App"), {"type": "null"}],
            "description": "one of those that are configured; it can be left out only where exactly one is"},
    "extra": {**_EXTRA, "description": "what the channel needs: docs/channels.md"},
    "metadata": _METADATA,
    "time_expire": _or_null(_integer(description=f"Unix seconds, at least {MINUTE} s ahead, at most as far as the "
                            f"channel allows ({_COMMON.expires_most // DAY} days on no channel exceeded)")),
    "description": _or_null(_text(Text(0, 255))),
    "return_url": _or_null(_text(URL, description="where the shopper goes on to after the checkout")),
}  # fmt: skip

_CHARGE = _object(
    {
        "id": _STRING,
        "channel": _STRING,
        "status": {"enum": ["pending", "paid", "reversed", "expired"]},
        "amount": _integer(1),
        "currency": _STRING,
        "order_no": {**_STRING, "description": "the one at Ping++"},
        "time_paid": _UNIX,
        "transaction_no": _NULLABLE_STRING,
        "amount_refunded": _integer(),
        "amount_settle": {"type": ["integer", "null"]},
        "extra": {"type": "object"},
    },
    required=("id", "channel", "status", "amount", "currency", "order_no"),
)
_REFUND = _object(
    {
        "id": {**_NULLABLE_STRING, "description": "null: Ping++ has made none (yet)"},
        "charge": _STRING,
        "idempotency_key": _NULLABLE_STRING,
        "amount": _integer(1),
        "status": {"enum": ["pending", "succeeded", "failed"]},
        "failure_code": _NULLABLE_STRING,
        "failure_msg": _NULLABLE_STRING,
    },
    required=("id", "charge", "idempotency_key", "amount", "status", "failure_code", "failure_msg"),
)
_PAYMENT = _object(
    {
        "order_no": _STRING,
        "app": _STRING,
        "status": {
            "enum": ["creating", "pending", "paid", "partially_refunded", "refunded", "closed", "failed"]
        },
        "amount": _integer(1),
        "amount_refunded": _integer(),
        "currency": _STRING,
        "channel": {
            **_NULLABLE_STRING,
            "description": "of the charge that was paid, else of the newest",
        },
        "livemode": {"type": "boolean"},
        "created_at": _TIME,
        "paid_at": _TIME,
        "expires_at": _TIME,
        "charges": {"type": "array", "items": _ref("Charge")},
        "refunds": {"type": "array", "items": _ref("Refund")},
        "failure": _object(
            {"code": _STRING, "message": _STRING},
            required=("code", "message"),
            description="why the newest attempt came to nothing",
        ),
        "awaiting_customer": {"const": True, "description": "at the till, perhaps typing a password"},
        "checkout_url": {**_STRING, "format": "uri", "description": "for the shopper"},
        "qr_text": {**_STRING, "description": "to be shown as a QR code; for the merchant's server alone"},
        "charge": {"type": "object", "description": "Ping++'s Charge for its client SDK; isv_wap only"},
    },
    required=(
        "order_no", "app", "status", "amount", "amount_refunded", "currency", "channel", "livemode", "created_at",
        "paid_at", "expires_at", "charges", "refunds",
    ),
)  # fmt: skip
_ERROR = _object(
    {
        "field": {**_STRING, "description": "empty: the whole body"},
        "rule": {**_STRING, "description": "what it must be"},
        "length": {**_integer(), "description": "what the rule counts, where the value has a length"},
    },
    required=("field", "rule"),
)
_GATEWAY_ERROR = _object(
    {"type": _STRING, "code": _STRING, "param": _STRING, "message": _STRING},
    description="Ping++'s error object; of an earlier call its code and message",
)
_PROBLEM = _object(
    {
        "type": {**_STRING, "format": "uri"},
        "title": _STRING,
        "status": _integer(400, 599),
        "detail": _STRING,
        "code": {"enum": list(CODES)},
        "errors": {"type": "array", "items": _ref("Error")},
        "error": _ref("GatewayError"),
    },
    required=("type", "title", "status", "detail", "code"),
)
_REFUND_ASKED: Object = {
    "amount": _or_null(_integer(1, description="all that is left where it is missing")),
    "description": _text(Text(1, 255)),
    "metadata": _METADATA,
    "funding_source": {"enum": ["unsettled_funds", "recharge_funds", None]},
    "extra": {**_EXTRA, "description": "`rate` and `refund_amount` on cb_alipay_*, where they are required"},
    "charge": {
        "type": ["string", "null"],
        "minLength": 1,
        "maxLength": 63,
        "pattern": "^[A-Za-z0-9_.-]+$",
        "description": "needed where several charges are paid",
    },
}
assert _REFUND_ASKED.keys() == set(REFUND_FIELDS)  # noqa: S101  the two lists are one

SCHEMAS: Object = {
    "OrderNo": _text(_COMMON.order_no),
    "ChargeId": {
        "type": "string",
        "minLength": 1,
        "maxLength": 63,
        "pattern": "^[A-Za-z0-9_-][A-Za-z0-9_.-]*$",
    },
    "App": {"type": "string", "minLength": 1, "maxLength": 64, "pattern": "^[A-Za-z0-9_-]+$"},
    "PaymentRequest": _object(
        _ASKED,
        required=("order_no", "amount", "currency", "channel", "subject", "body", "client_ip"),
        closed=True,
    ),
    "RefundRequest": _object(_REFUND_ASKED, required=("description",), closed=True),
    "WatchRequest": _object(
        {
            "order_no": _or_null(
                _text(
                    Text(1, 256),
                    description="the merchant's, of the payment that it is to belong to; left out: the one that the "
                    "charge names (setting ORDER_KEY)",
                )
            ),
            "amount": _or_null(_integer(1, description="in the smallest unit")),
            "currency": _or_null(_CURRENCY),
        },
        closed=True,
    ),
    "StopRequest": _object({"if_paid": {"enum": ["keep", "refund", None], "default": "keep"}}, closed=True),
    "Payment": _PAYMENT,
    "PaymentList": _object(
        {
            "payments": {"type": "array", "items": _ref("Payment"), "maxItems": 100},
            "next_cursor": _NULLABLE_STRING,
        },
        required=("payments", "next_cursor"),
    ),
    "Charge": _CHARGE,
    "Refund": _REFUND,
    "RefundAnswer": _object(
        {"refund": _ref("Refund"), "payment": _ref("Payment")}, required=("refund", "payment")
    ),
    "Error": _ERROR,
    "GatewayError": _GATEWAY_ERROR,
    "Problem": _PROBLEM,
}
