"""The fields that the merchant API takes, and their rules."""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from payments.channels.rules import (
    LARGEST,
    Field,
    OneOf,
    Rule,
    Text,
    Whole,
    Wrong,
    extra_problems,
    metadata_problems,
    size,
)

PAYMENT_FIELDS = (
    "order_no", "amount", "currency", "channel", "subject", "body", "client_ip", "app", "extra", "metadata",
    "time_expire", "description", "return_url",
)  # fmt: skip
URL = Text(
    1,
    2048,
    r"https?://[A-Za-z0-9\[][!-~]*",
    said="a URL that begins with http:// or https://, of at most 2048 visible ASCII characters",
)
KEY = Text(1, 255, r"[!-~]+", said="1 to 255 visible ASCII characters")
_APP = Text(1, 64, r"[A-Za-z0-9_-]+", said="1 to 64 letters, digits, underscores or hyphens")
RETURN_URL = Field("return_url", URL)
IF_PAID = Field("if_paid", OneOf(("keep", "refund")))
_LIMIT = Text(1, 3, r"[1-9][0-9]?|100", said="an integer from 1 to 100")


def spelled(text: str) -> str:
    """A name as the caller wrote it, made safe and short for an answer."""
    return text.encode("utf-8", "backslashreplace").decode()[:100]


def unknown(content: Mapping[str, Any], known: Iterable[str]) -> Iterator[Wrong]:
    """Members that the API does not know. They are refused: a misspelt one would else be ignored silently."""
    for name in content.keys() - set(known):
        yield Wrong(spelled(name), "no such field")


def beyond(content: Mapping[str, Any]) -> Iterator[Wrong]:
    """Numbers within `extra` and `metadata` that some JSON readers would round (beyond 2^53)."""
    for name in ("extra", "metadata"):
        if _has_beyond(content.get(name)):
            yield Wrong(name, f"no number beyond {LARGEST}")


def _has_beyond(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_has_beyond, value.values() if isinstance(value, dict) else value))
    return isinstance(value, int) and abs(value) > LARGEST


def app_field(apps: tuple[str, ...]) -> Field:
    """The rule for `app`: one of PINGPP_APP_IDS. It may be left out only if exactly one app is named there."""
    rule: Rule = OneOf(apps) if apps else _APP
    return Field("app", rule, required=len(apps) != 1)


LIMIT, CURSOR, ORDER_NO = (
    Field("limit", _LIMIT),
    Field("cursor", Text(1, 1024)),
    Field("order_no", Text(1, 256)),
)
_REFUND = (
    Field("amount", Whole(1)),
    Field("description", Text(1, 255), required=True),
    Field("funding_source", OneOf(("unsettled_funds", "recharge_funds"))),
    # A charge's id by the rule of `payments/pingpp/sighting.py`.
    Field("charge", Text(1, 63, r"[A-Za-z0-9_.-]+", said="the id of a charge")),
)
REFUND_FIELDS = (*(one.name for one in _REFUND), "metadata", "extra")


def refund_problems(content: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is wrong with the body of a refund request, by the rules of every channel."""
    yield from unknown(content, REFUND_FIELDS)
    for field in _REFUND:
        yield from field.problems("", content)
    yield from extra_problems((), content.get("extra"))
    yield from metadata_problems(content.get("metadata"))
    yield from beyond(content)


class Rate:
    """An exchange rate. Ping++'s samples have it as a string or as a number."""

    words = "a number above 0, or its digits as a string"

    def problems(self, field: str, value: Any) -> Iterator[Wrong]:
        number = isinstance(value, int | float) and not isinstance(value, bool) and value > 0
        digits = isinstance(value, str) and re.fullmatch(r"[0-9]{1,20}(\.[0-9]{1,20})?", value)
        if not (number or digits):
            yield Wrong(field, self.words, size(value))


# Ping++ docs: `rate` and `refund_amount`, only on cb_alipay_qr and cb_alipay_scan. Unsure: their form.
_CB_ALIPAY = (
    Field("rate", Rate(), required=True),
    Field("refund_amount", Whole(1, digits_too=True), required=True),
)


def refund_problems_of(channel: str, content: Mapping[str, Any]) -> Iterator[Wrong]:
    """What is wrong with the body of a refund request, by the rules of the charge's channel."""
    if channel.startswith("cb_alipay_"):
        yield from extra_problems(_CB_ALIPAY, content.get("extra"))
