"""Nothing that is not a shopper's leaves by any address of the checkout, on any channel."""

import json
import re

import pytest
import redis
import zxingcpp
from PIL import Image, ImageDraw

from ingest.checkout import qr
from payments.channels.table import CHANNELS
from processes.redis_server import Server
from tests.ingest.checkout.kit import CODES, Books, Door, secrets_of

ADDRESSES = ("", "/status", "/events", "/qr.svg", "/charge", "?asked")


@pytest.fixture
def books(client: redis.Redis) -> Books:
    return Books(client)


@pytest.fixture
def door(server: Server, client: redis.Redis) -> Door:
    assert client.ping()
    return Door(server.url)


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


def picture(svg: str) -> Image.Image:
    """The drawing, as a browser would make it, at eight pixels a module."""
    (size,) = re.findall(r'viewBox="0 0 (\d+) \1"', svg)
    image = Image.new("L", (8 * int(size), 8 * int(size)), 128)
    draw = ImageDraw.Draw(image)
    for fill, path in re.findall(r'<path fill="#(\w+)" d="([^"]+)"/>', svg):
        for x, y, width, height in re.findall(r"M(\d+) (\d+)h(\d+)v(\d+)", path):
            corner = 8 * int(x), 8 * int(y)
            far = corner[0] + 8 * int(width) - 1, corner[1] + 8 * int(height) - 1
            draw.rectangle((*corner, *far), fill=255 if fill == "fff" else 0)
    return image


@pytest.mark.parametrize("channel", CODES)
def test_the_qr_code_is_read_as_the_credential(channel: str, books: Books, door: Door) -> None:
    answer = door.get(f"{books.open(channel=channel)}/qr.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert CODES[channel] not in answer.text
    image = picture(answer.text)
    (found,) = zxingcpp.read_barcodes(image, try_downscale=False)
    assert found.text == CODES[channel]
    assert found.ec_level in ("M", "Q", "H")
    corners = [found.position.top_left, found.position.bottom_right]
    edges = [corners[0].x, corners[0].y, image.width - corners[1].x, image.height - corners[1].y]
    assert all(abs(edge - 4 * 8) <= 2 for edge in edges)  # the quiet zone
    assert set(image.tobytes()) == {0, 255}


def test_a_text_that_no_code_can_hold_is_no_picture(books: Books, door: Door) -> None:
    assert qr.svg("x" * 3000) is None
    token = books.open(charge={"credential": {"alipay_qr": "x" * 3000}})
    assert door.get(f"{token}/qr.svg").status_code == 404
