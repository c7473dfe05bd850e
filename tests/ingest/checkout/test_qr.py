"""A QR code is what a camera reads out of it."""

import re

import pytest
import zxingcpp
from PIL import Image, ImageDraw

from ingest.checkout import qr
from tests.ingest.checkout.kit import CODES, Books, Door


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


@pytest.mark.parametrize("text", [*CODES.values(), "7", "https://example.com/" + "x" * 1000])
def test_a_camera_reads_the_text(text: str) -> None:
    drawn = qr.svg(text)
    assert drawn
    image = picture(drawn.decode())
    (found,) = zxingcpp.read_barcodes(image, try_downscale=False)
    assert found.text == text
    assert found.ec_level in ("M", "Q", "H")
    corners = [found.position.top_left, found.position.bottom_right]
    edges = [corners[0].x, corners[0].y, image.width - corners[1].x, image.height - corners[1].y]
    assert all(abs(edge - 4 * 8) <= 2 for edge in edges)  # the quiet zone
    assert set(image.tobytes()) == {0, 255}


def test_what_is_too_long_for_a_code_is_no_picture() -> None:
    assert qr.svg("x" * 3000) is None


@pytest.mark.parametrize("channel", CODES)
def test_the_code_of_a_payment_says_its_credential(channel: str, books: Books, door: Door) -> None:
    answer = door.get(f"{books.open(channel=channel)}/qr.svg")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "image/svg+xml")
    assert answer.content == qr.svg(CODES[channel])


def test_a_credential_that_no_code_can_hold_is_not_shown(books: Books, door: Door) -> None:
    token = books.open(charge={"credential": {"alipay_qr": "x" * 3000}})
    assert door.get(f"{token}/qr.svg").status_code == 404
