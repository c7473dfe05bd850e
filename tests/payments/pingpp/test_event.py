"""What a webhook carries: by what an event is known, what counts as the same again, and what cannot be read."""

import json
from typing import Any

import pytest

from payments.members import unidentified
from payments.pingpp.event import Undecodable, app_of, decode, digest, identify
from tests.conftest import SAMPLES, charge_object, event_body

ID = "evt_000000000000000000000001"
DEEP = b'{"id":' + b"[" * 100_000 + b"]" * 100_000 + b"}"


def body(id_: Any = ID, object_id: Any = "ch_1", **more: Any) -> bytes:
    event = {"id": id_, "type": "charge.succeeded", "data": {"object": {"id": object_id}}, **more}
    return json.dumps(event).encode()


@pytest.mark.parametrize(
    ("object_id", "member"),
    [("ch_1", f"{ID}:ch_1"), (7, f"{ID}:7"), (None, f"{ID}:"), ("", f"{ID}:"), ("a.b-c_1", f"{ID}:a.b-c_1")],
)
def test_an_event_is_known_by_its_id_and_the_id_of_its_object(object_id: Any, member: str) -> None:
    assert identify(body(object_id=object_id)) == member


@pytest.mark.parametrize(
    "raw",
    [
        b"", b"{", b"[]", b"{}", b'{"id":"evt_1"}', b"\xff", DEEP, body(""), body(None), body("a:b"), body("x" * 64),
        body(object_id="a:b"), body(object_id="x" * 64), body(object_id=[1]), body(object_id="a~b"),
    ],
)  # fmt: skip
def test_what_has_no_usable_ids_is_known_by_its_bytes(raw: bytes) -> None:
    assert identify(raw) == unidentified(raw)


def test_the_number_of_pending_webhooks_is_no_part_of_what_an_event_says() -> None:
    one = event_body(charge_object(), pending_webhooks=9)
    assert digest(one) == digest(event_body(charge_object(), pending_webhooks=0))
    assert digest(one) == digest(one.replace(b'"pending_webhooks": 9', b'"pending_webhooks":-10'))
    assert digest(one) != digest(event_body(charge_object(amount=1), pending_webhooks=9))
    assert len(digest(one)) == 16
    # only its number: what stands there instead of one, counts
    assert digest(b'{"pending_webhooks": "a"}') != digest(b'{"pending_webhooks": "b"}')
    assert digest(b"{}") != digest(b"{ }")


def test_the_samples_of_the_guide_are_events() -> None:
    paths = sorted(SAMPLES.glob("*.json"))
    assert paths
    for path in paths:
        event = decode(path.read_bytes())
        assert (event.type, event.whole["object"]) == ("charge.succeeded", "event")
        assert event.data.object == event.whole["data"]["object"]


def test_what_may_be_missing_may() -> None:
    event = decode(body(object_id=None))
    assert (event.id, event.livemode, event.created) == (ID, None, None)


@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (b"", "not_json"),
        (b"\xff", "not_json"),
        (b'{"id":"\xff"}', "not_json"),
        (DEEP, "not_json"),
        (b"[]", "not_an_event"),
        (b"{}", "not_an_event"),
        (body(7), "not_an_event"),
        (body(livemode="yes"), "not_an_event"),
        (body(""), "bad_event_id"),
        (body("evt 1"), "bad_event_id"),
        (body(object_id=""), "bad_object_id"),
        (body(object_id="a:b"), "bad_object_id"),
        (body(object_id=True), "bad_object_id"),
        (body(object_id=[1]), "bad_object_id"),
    ],
)
def test_what_cannot_be_told_from_others_says_why(raw: bytes, code: str) -> None:
    with pytest.raises(Undecodable) as error:
        decode(raw)
    assert error.value.code == code
    assert len(str(error.value)) < 300


@pytest.mark.parametrize(
    ("app", "id_"),
    [("app_1", "app_1"), ({"id": "app_1"}, "app_1"), ({}, None), ("", None), (7, None), (None, None)],
)
def test_an_app_is_an_id_or_an_object_with_one(app: Any, id_: str | None) -> None:
    assert app_of({"app": app}) == id_
    assert app_of({}) is None
