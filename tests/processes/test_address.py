"""The address to call a process by."""

import pytest

from processes.address import address


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", "http://127.0.0.1:80"),
        ("0.0.0.0", "http://127.0.0.1:80"),  # noqa: S104  nothing is bound here
        ("::", "http://[::1]:80"),
        ("shop.example", "http://shop.example:80"),
    ],
)
def test_an_address_to_listen_on_becomes_one_to_call(host: str, expected: str) -> None:
    assert address(host, 80) == expected
