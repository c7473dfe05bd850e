"""What a shopper may know of a payment, and what the page asks of them."""

from tests.ingest.checkout.kit import Books, Door


def test_the_countdown_ends_when_the_code_is_given_up_not_when_ping_lets_it_expire(
    books: Books, door: Door
) -> None:
    for channel, least, most in (("wx_pub_qr", 7190, 7200), ("isv_qr", 50, 60), ("isv_wap", 50, 60)):
        number = len(books.charges) + 1
        assert least < door.get(f"{books.open(number, channel)}/status").json()["seconds_left"] <= most


def test_a_code_that_could_not_be_given_up_is_not_shown_again(books: Books, door: Door) -> None:
    token = books.open(channel="isv_qr")
    books.age()
    books.reversing()
    books.not_reversed()
    polled, drawn = door.call(("GET", f"{token}/status"), ("GET", f"{token}/qr.svg"))
    assert (polled.json()["status"], polled.json()["seconds_left"], drawn.status_code) == (
        "pending",
        None,
        404,
    )


def test_the_version_changes_with_the_code_alone(books: Books, door: Door) -> None:
    token = books.open(channel="upacp_qr")
    first = door.get(f"{token}/status").json()
    books.age(seconds=1)  # written anew, and looks the same
    assert door.get(f"{token}/status").json()["version"] == first["version"]
    other = {"credential": {"upacp_qr": "https://qr.95516.com/other"}}
    expires = {"time_expire": books.charges[1]["time_expire"]}
    books.open(channel="upacp_qr", digest="other", attempt=2, charge=other | expires)
    second = door.get(f"{token}/status").json()
    assert second["version"] != first["version"]
    assert {**second, "version": "", "seconds_left": 0} == {**first, "version": "", "seconds_left": 0}
