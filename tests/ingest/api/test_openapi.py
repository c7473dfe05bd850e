"""The description of the merchant API is true: of its bounds by the rules themselves, of its answers by schemathesis."""

import asyncio
import copy
import itertools
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from unittest.mock import patch

import jsonschema_rs
import msgspec
import schemathesis
from schemathesis import engine
from schemathesis.config import SchemathesisConfig
from schemathesis.engine import events

from ingest.api.fields import REFUND_FIELDS, app_field, beyond, refund_problems
from ingest.api.fields import URL as RETURN_URL
from ingest.api.openapi import DOCUMENT, SPECIFICATION
from ingest.api.problems import CODES
from payments.channels import table
from payments.channels.rules import Field
from processes import redis_server
from processes.redis_server import Server
from tests.ingest.api.kit import APP, SCAN_CODE, TOKEN, Shop, asked, in_shop, opened, scanned
from tests.memory import in_memory
from tests.patience import PATIENCE_S

Object = dict[str, Any]
OPERATIONS: dict[str, Object] = {
    f"{method.upper()} {path}": operation
    for path, methods in SPECIFICATION["paths"].items()
    for method, operation in methods.items()
}


def schema_of(name: str, **changes: Any) -> Object:
    """A schema of the document that can stand alone."""
    return {"$ref": f"#/components/schemas/{name}", "components": SPECIFICATION["components"], **changes}


def right(name: str) -> Any:
    return jsonschema_rs.Draft202012Validator(schema_of(name), validate_formats=True).is_valid


def test_the_document_is_openapi_and_complete() -> None:
    assert msgspec.json.decode(DOCUMENT) == SPECIFICATION
    schemathesis.openapi.from_dict(copy.deepcopy(SPECIFICATION)).validate()
    for schema in SPECIFICATION["components"]["schemas"].values():
        jsonschema_rs.meta.validate({"$schema": "https://json-schema.org/draft/2020-12/schema", **schema})
    ids = [operation["operationId"] for operation in OPERATIONS.values()]
    assert len(set(ids)) == len(ids) == 8
    for name, operation in OPERATIONS.items():
        assert operation["summary"]
        assert operation["description"]
        assert ("401" in operation["responses"]) == (name != "GET /openapi.json")
        assert "500" in operation["responses"]
    text = DOCUMENT.decode()
    assert [code for code in CODES if f"`{code}`" not in text] == ["method_not_allowed"]


def test_the_examples_are_right() -> None:
    wanted = OPERATIONS["POST /payments"]["requestBody"]["content"]["application/json"]["examples"]
    for one in wanted.values():
        assert right("PaymentRequest")(one["value"])
        assert table.problems(one["value"], now=time.time()) == []
    refund = OPERATIONS["POST /payments/{order_no}/refunds"]["requestBody"]["content"]["application/json"][
        "example"
    ]
    assert right("RefundRequest")(refund)
    shown = OPERATIONS["POST /payments"]["responses"]["201"]["content"]["application/json"]["example"]
    assert right("Payment")(shown)


TEXTS = (
    "",
    "x",
    " ",
    "x" * 20,
    "x" * 32,
    "x" * 33,
    "x" * 64,
    "x" * 65,
    "x" * 128,
    "x" * 129,
    "x" * 255,
    "x" * 256,
)
ODD: tuple[Any, ...] = (
    None,
    True,
    1.5,
    [],
    {},
    "茶" * 32,
    "茶" * 33,
    "a b",
    "a\n",
    "ünï",
    "A",
    "cny",
    "cn",
    "cnyy",
    "CNY",
    "a_b-c",
)
NUMBERS = (0, 1, -1, 2**53 - 1, 2**53, 10**30, "1")
ADDRESSES = ("1.2.3.4", "1.2.3", "::1", "::1%lo", "256.1.1.1", "2001:db8::1", "1.2.3.4 ")
URLS = (
    "http://a",
    "https://a/b?c#d",
    "ftp://a",
    "https://",
    "https:///a",
    "https://a b",
    "https://[::1]/",
    "HTTPS://a",
)
HASHES: tuple[Object, ...] = (
    {str(n): n for n in range(18)},
    {str(n): n for n in range(19)},
    {"pingpp_ingest_x": 1},
    {"a": {"b": []}},
    {"scan_code": "1"},
)
VALUES: tuple[Any, ...] = (*TEXTS, *ODD, *NUMBERS, *ADDRESSES, *URLS, *HASHES, "https://a/" + "x" * 2038, "https://a/" + "x" * 2039)  # fmt: skip
UNKNOWN_CHANNEL = {**asked(app=APP), "channel": "some_new_channel"}


def test_the_schema_of_a_payment_says_what_the_rules_say() -> None:
    valid = right("PaymentRequest")
    fields = SPECIFICATION["components"]["schemas"]["PaymentRequest"]["properties"].keys() - {"time_expire"}
    assert valid(UNKNOWN_CHANNEL)
    for name, value in itertools.product(fields, VALUES):
        content = {**UNKNOWN_CHANNEL, name: value}
        rules = table.problems(content, now=0.0)
        rules += [*Field("return_url", RETURN_URL).problems("", content), *beyond(content)]
        rules += app_field((APP,) if name != "app" else ()).problems(
            "", {"app": None} if name != "app" else content
        )
        by_schema = valid(content) or (
            name == "app" and value is None
        )  # whether it may be left out is a setting
        assert by_schema == (not rules or (name == "app" and value is None)), (name, value, rules)


def test_the_schema_of_a_refund_says_what_the_rules_say() -> None:
    valid = right("RefundRequest")
    for name, value in itertools.product(REFUND_FIELDS, VALUES):
        content = {"description": "x", name: value}
        assert valid(content) == (not list(refund_problems(content))), (name, value)


def test_what_is_answered_has_no_member_that_is_not_described(
    server: Server, client: Any, tmp_path: Path
) -> None:
    client.ping()
    schemas = SPECIFICATION["components"]["schemas"]

    async def calls(shop: Shop) -> list[Any]:
        wap = {"pay_channel": "wx", "terminal_id": "1", "result_url": "https://a/"}
        shown = [
            await shop.create(),
            await shop.create(scanned(2)),
            await shop.create(asked(3, channel="isv_wap", extra=wap)),
            (await shop.refund(2, "r1", {"description": "x", "amount": 1}))["payment"],
        ]
        await shop.befall("refuse", status=400)
        await shop.create(asked(4), 422)
        await shop.befall("refuse", status=402)
        shown += [
            await shop.get("/payments/order00000004"),
            await shop.create(scanned(5, code="9" + SCAN_CODE[1:]), 202),
        ]
        return shown

    for payment in in_shop(server, tmp_path, calls):
        assert right("Payment")(payment)
        assert payment.keys() <= schemas["Payment"]["properties"].keys()
        for name, kind in (("charges", "Charge"), ("refunds", "Refund")):
            assert all(one.keys() == schemas[kind]["properties"].keys() for one in payment[name])


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The API behind a real socket, in a thread of its own, with two payments, of which one is paid."""
    ready, over, there = threading.Event(), threading.Event(), [""]

    async def serve(server: Server) -> None:
        async with opened(server, directory, listening=True, pingpp_app_ids="") as shop:
            await shop.create(asked(1, app=APP))
            await shop.create(scanned(2, app=APP))
            there[0] = str(shop.http.base_url).rstrip("/")
            ready.set()
            await asyncio.to_thread(over.wait)

    with (
        in_memory() as data,
        redis_server.start(data) as server,
        patch("ingest.api.reading.MOST_WAIT_S", 0),  # nobody pays while it runs
    ):
        thread = threading.Thread(target=asyncio.run, args=(serve(server),))
        thread.start()
        try:
            assert ready.wait(PATIENCE_S)
            yield there[0]
        finally:
            over.set()
            thread.join()


def run(
    url: str, specification: Object, most: int, mode: str, *phases: str
) -> tuple[Counter[tuple[str, int]], list[str]]:
    """How often each operation was answered with each status, and what schemathesis found wrong."""
    settings: Object = {
        "seed": 1,
        "base-url": url,
        "headers": {"Authorization": f"Bearer {TOKEN}"},
        "generation": {"max-examples": most, "deterministic": True, "mode": mode, "no-shrink": True},
        # What is right for every channel need not be for this one, and not for this payment.
        "checks": {"positive_data_acceptance": {"enabled": False}},
        "phases": {
            name: {"enabled": name in phases} for name in ("examples", "coverage", "fuzzing", "stateful")
        },
    }
    config = SchemathesisConfig.from_dict(settings)
    schema = schemathesis.openapi.from_dict(copy.deepcopy(specification), config=config)
    answers: Counter[tuple[str, int]] = Counter()
    wrong: list[str] = []
    for event in engine.from_schema(schema).execute():
        if isinstance(event, events.NonFatalError | events.FatalError):
            wrong.append(repr(event))
        if not isinstance(event, events.ScenarioFinished | events.FuzzScenarioFinished):
            continue
        label = event.recorder.label
        for interaction in event.recorder.interactions.values():
            if interaction.response is not None:
                answers[(label, interaction.response.status_code)] += 1
        checks = itertools.chain.from_iterable(event.recorder.checks.values())
        failures = [one.failure_info for one in checks if one.failure_info is not None]
        wrong += [f"{label}: {one.failure}\n{one.code_sample}" for one in failures]
    return answers, wrong


def narrowed() -> Object:
    """The document with what gets further: channels that exist, and payments that do."""
    made = copy.deepcopy(SPECIFICATION)
    wanted = made["components"]["schemas"]["PaymentRequest"]
    for name in ("time_expire", "extra", "currency"):
        del wanted["properties"][name]
    orders = {"type": "string", "enum": [f"order0000000{number}" for number in range(1, 6)]}
    wanted["properties"] |= {
        "order_no": orders,
        "app": {"const": APP},
        "channel": {"enum": ["alipay_qr", "wx_pub_scan", "ccb_qr"]},
        "currency": {"const": "cny"},
        "extra": {"const": {"scan_code": SCAN_CODE, "product_id": "p"}},
        "amount": {"const": 100},
    }
    wanted["required"] += ["app", "extra"]
    refund = made["components"]["schemas"]["RefundRequest"]
    refund["properties"]["amount"] = {"type": "integer", "minimum": 1, "maximum": 3}
    del refund["properties"]["charge"], refund["properties"]["extra"]
    made["components"]["schemas"]["StopRequest"]["properties"]["if_paid"] = {"const": "keep"}
    made["components"]["parameters"]["order_no"]["schema"] = orders
    made["components"]["parameters"]["app"] |= {"schema": {"const": APP}, "required": True}
    return made


def test_schemathesis_finds_no_answer_that_is_not_described(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        answers, wrong = run(url, SPECIFICATION, 10, "all", "examples", "coverage", "fuzzing")
    assert wrong == []
    assert {label for label, _ in answers} == OPERATIONS.keys()
    assert not [status for _, status in answers if status >= 500]


def test_nor_where_it_gets_further(tmp_path: Path) -> None:
    with served(tmp_path) as url:
        answers, wrong = run(url, narrowed(), 15, "positive", "fuzzing", "stateful")
    assert wrong == []
    assert not [status for _, status in answers if status >= 500]
    found = {label: {status for one, status in answers if one == label} for label in OPERATIONS}
    assert {200, 201, 409} <= found["POST /payments"]
    assert 200 in found["GET /payments/{order_no}"] & found["POST /payments/{order_no}/close"]
    assert {201, 409} <= found["POST /payments/{order_no}/refunds"]
