"""What each address of the checkout answers, to whom."""

from payments.keys import CHECKS_NOW, Keys
from tests.ingest.checkout.kit import WAP, Books, Door, title

KEYS = Keys()
ADDRESSES = ("", "/status", "/events", "/qr.svg", "/charge")


def test_every_wrong_token_is_answered_alike(books: Books, door: Door) -> None:
    books.open()
    wrong = ("x", "Tok_en-" + "9" * 25, "A" * 200, "-", "%00", "%F0%9F%92%A9", "*" * 32)
    answers = door.call(*(("GET", token) for token in wrong))
    assert {one.status_code for one in answers} == {404}
    assert len({one.text for one in answers}) == 1
    assert title(answers[0]) == "There is no such payment"
    assert title(door.get("x" * 32, accept_language="zh-CN")) == "找不到这笔支付"
    for address in ADDRESSES[1:]:
        known, guessed = door.call(("GET", f"{'x' * 32}{address}"), ("GET", f"y{address}"))
        assert (known.status_code, known.content) == (404, guessed.content)
        assert known.json()["code"] == "not_found"
    assert door.post("y/paid").status_code == 404


def test_the_status_has_these_members_and_no_others(books: Books, door: Door) -> None:
    token = books.open()
    open_ = door.get(f"{token}/status").json()
    left = open_.pop("seconds_left")
    assert 7190 < left <= 7200
    assert open_.pop("expires_at").endswith("Z")
    version = open_.pop("version")
    assert open_ == {
        "status": "pending",
        "final": False,
        "amount": 1234,
        "amount_refunded": 0,
        "currency": "cny",
        "paid_at": None,
    }
    books.pay()
    books.refund()
    paid = door.get(f"{token}/status").json()
    assert paid.pop("version") != version
    assert paid == {
        "status": "partially_refunded",
        "final": True,
        "amount": 1234,
        "amount_refunded": 400,
        "currency": "cny",
        "paid_at": "2023-11-14T22:14:20Z",
        "expires_at": None,
        "seconds_left": None,
    }


def test_the_charge_is_given_on_isv_wap_as_it_came(books: Books, door: Door) -> None:
    token = books.open(channel="isv_wap")
    answer = door.get(f"{token}/charge")
    assert answer.json() == books.charges[1]
    assert answer.json()["credential"]["isv_wap"] == WAP
    assert answer.headers["access-control-allow-origin"] == "*"
    books.pay()
    assert door.get(f"{token}/charge").status_code == 404


def test_i_have_paid_has_the_payment_looked_at_once_in_a_while(books: Books, door: Door) -> None:
    token = books.open()
    assert books.client.zrange(KEYS.due(CHECKS_NOW), 0, -1) == []
    answer = door.post(f"{token}/paid")
    assert (answer.status_code, answer.content) == (303, b"")
    assert (
        str(answer.next_request.url if answer.next_request else "") == f"http://shop/checkout/{token}?asked"
    )
    assert books.client.zrange(KEYS.due(CHECKS_NOW), 0, -1) == [b":ch_000000000000000000000001"]
    again = door.post(f"{token}/paid", accept="application/json")
    assert (again.status_code, again.json()) == (202, {"asked": False})
    assert (
        "We are asking for the result."
        in door.get(f"{token}?asked").text.partition("</p>\n</form>")[0][-120:]
    )
    assert door.call(("GET", f"{token}/paid"))[0].status_code == 405


def test_a_slash_too_many_leads_back_by_a_relative_way(books: Books, door: Door) -> None:
    token = books.open()
    answer = door.get(f"{token}/")
    assert (answer.status_code, answer.headers["location"]) == (307, f"../{token}")
    assert door.get("%0d%0aa:b/").headers["location"] == "../%0D%0Aa%3Ab"


def test_head_is_answered_like_get_without_a_body(books: Books, door: Door) -> None:
    token = books.open(channel="alipay_qr")
    for address in ADDRESSES[:-1]:
        got = door.call(("HEAD", f"{token}{address}"))[0]
        assert (got.status_code, got.content) == (200, b"")
    assert door.call(("HEAD", "x" * 32))[0].status_code == 404
