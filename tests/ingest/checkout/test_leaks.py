"""Story: nothing that is not a shopper's leaves by any address of the checkout, on any channel."""

import json

import pytest

from payments.channels.table import CHANNELS
from tests.ingest.checkout.kit import Books, Door, secrets_of

ADDRESSES = ("", "/status", "/events", "/qr.svg", "/charge", "?asked")


def given_out(door: Door, token: str, *, stream: bool) -> str:
    """Everything that comes back from every address, headers too. A stream that does not end by itself is left out:
    its events are the status, letter by letter (test_checkout_events).
    """
    asked = [("GET", f"{token}{one}") for one in ADDRESSES if stream or one != "/events"]
    answers = [*door.call(*asked), *door.call(("POST", f"{token}/paid")), *door.call(("GET", "x" * 32))]
    answers += door.call(("POST", f"{token}/paid"), accept="application/json")
    answers += door.call(("GET", token), accept_language="zh")
    return "\n".join(f"{one.headers}\n{one.text}" for one in answers)


@pytest.mark.parametrize("channel", CHANNELS)
def test_no_address_gives_out_what_is_not_the_shoppers(channel: str, books: Books, door: Door) -> None:
    pending = books.open(1, channel)
    texts = {"pending": given_out(door, pending, stream=False)}
    if channel == "isv_wap":  # the one exception
        whole = json.dumps(books.charges[1], separators=(",", ":"), ensure_ascii=False)
        assert texts["pending"].count(whole) == 1
        texts["pending"] = texts["pending"].replace(whole, "")
    books.pay(1)
    books.refund(1)
    texts["refunded"] = given_out(door, pending, stream=True)
    books.register(2, channel)
    books.refuse(2)
    texts["failed"] = given_out(door, books.token(2), stream=True)
    for state, text in texts.items():
        found = [one for number in (1, 2) for one in secrets_of(number) if one in text]
        assert not found, (state, found)
