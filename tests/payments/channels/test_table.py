"""Each bound of each channel holds, and no problem ever shows a value."""

import re
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from payments.channels.rules import METADATA_LONGEST, Wrong, as_json
from payments.channels.table import CHANNELS, MOST_ATTEMPTS, attempt_order_no, find, problems, qr_text

HOUR, DAY = 3_600, 86_400
NOW = 1_700_000_000
NAMES = (
    *("alipay_qr", "wx_pub_qr", "cb_alipay_qr", "cb_wx_pub_qr", "upacp_qr", "ccb_qr", "isv_qr", "isv_wap"),
    *("isv_scan", "alipay_scan", "wx_pub_scan", "cb_alipay_scan", "cb_wx_pub_scan", "upacp_scan"),
)
GOODS = [{"goods_name": "iPhone", "goods_num": "1"}]
EXTRA: dict[str, dict[str, Any]] = {
    "wx_pub_qr": {"product_id": "Your ProductId"},
    "cb_wx_pub_qr": {"product_id": "Your ProductId", "goods_list": GOODS},
    "isv_qr": {"pay_channel": "wx", "terminal_id": "T0000001"},
    "isv_wap": {"pay_channel": "alipay", "terminal_id": "T0000001", "result_url": "https://example.com/r"},
    "isv_scan": {"scan_code": "131141564583769183", "terminal_id": "T0000001"},
    "alipay_scan": {"scan_code": "281141564583769183", "terminal_id": "NJ_T_001"},
    "cb_wx_pub_scan": {"scan_code": "131141564583769183", "goods_list": GOODS},
    **{
        name: {"scan_code": "6223194037624963090"} for name in ("wx_pub_scan", "cb_alipay_scan", "upacp_scan")
    },
}
COMMON = {"order_no": "123456789", "amount": 100, "subject": "S", "body": "B", "client_ip": "127.0.0.1"}


def request(channel: str, **changes: Any) -> dict[str, Any]:
    """A right one, with changes."""
    currency = "usd" if channel.startswith("cb_") else "cny"
    return {**COMMON, "channel": channel, "currency": currency, "extra": EXTRA.get(channel), **changes}


def extra(channel: str, **changes: Any) -> dict[str, Any]:
    return request(channel, extra={**EXTRA.get(channel, {}), **changes})


def check(asked: dict[str, Any], attempt: int = 1) -> list[Wrong]:
    return problems(asked, now=NOW, attempt=attempt)


def fields(asked: dict[str, Any]) -> list[str]:
    return [one.field for one in check(asked)]


@pytest.mark.parametrize("channel", [*NAMES, "alipay_wap"])
def test_a_right_request_has_no_problem(channel: str) -> None:
    assert find(channel).name == channel
    assert find(channel).known == (channel in NAMES)
    assert check(request(channel)) == []
    assert check({**request(channel), "metadata": {}, "time_expire": None, "description": ""}) == []
    assert check(extra(channel, brand_new="", other=[{"a": None}])) == []  # left to Ping++, which adds some


REQUIRED = ("order_no", "amount", "currency", "channel", "subject", "body", "client_ip")


@pytest.mark.parametrize("field", REQUIRED)
def test_what_is_required_may_not_be_missing_or_null(field: str) -> None:
    (problem,) = check({**request("alipay_qr"), field: None})
    assert (problem.field, problem.rule[:10], problem.length) == (field, "required: ", None)


LONGEST = {
    **dict.fromkeys(("alipay_qr", "cb_alipay_qr", "alipay_scan", "cb_alipay_scan", "unknown"), (1, 64)),
    **dict.fromkeys(("wx_pub_qr", "cb_wx_pub_qr", "wx_pub_scan", "cb_wx_pub_scan"), (1, 32)),
    **dict.fromkeys(("isv_qr", "isv_wap", "isv_scan"), (8, 32)),
    **dict.fromkeys(("upacp_qr", "upacp_scan"), (8, 40)),
    "ccb_qr": (1, 30),
}


@pytest.mark.parametrize(("channel", "bounds"), LONGEST.items())
def test_the_order_number_is_within_the_bounds_of_its_channel(channel: str, bounds: tuple[int, int]) -> None:
    shortest, longest = bounds
    for length in (shortest, longest):
        assert check(request(channel, order_no="a" * length)) == []
    for length in (shortest - 1, longest + 1):
        (problem,) = check(request(channel, order_no="a" * length))
        assert (problem.field, problem.length) == ("order_no", length)
        assert f"{shortest} to {longest}" in problem.rule


@pytest.mark.parametrize("channel", ["alipay_qr", "isv_scan", "unknown"])
def test_an_order_number_has_no_blanks_and_is_ascii(channel: str) -> None:
    for wrong in ("1234 56789", "123456789\n", "12345678é", "12345678\x00", 123456789, ["1"]):
        assert fields(request(channel, order_no=wrong)) == ["order_no"]
    assert check(request(channel, order_no="2026-001_a")) == []
    # What signs a channel takes that we do not know, Ping++ knows.
    assert fields(request(channel, order_no="2026/001*")) == ["order_no"] * (channel in NAMES)


def test_a_further_attempt_need_not_fit_with_the_order_number_of_the_first() -> None:
    longer = request("ccb_qr", order_no="a" * 64)
    assert [one.field for one in check(longer)] == ["order_no"]
    assert check(longer, attempt=2) == []
    assert check({**longer, "order_no": "a" * 65}, attempt=2)[0].length == 65


WRONG: dict[str, tuple[object, ...]] = {
    "amount": (0, -1, 2**53, 1.0, 1.5, "100", True, [1], float("nan"), 10**400),
    "currency": ("CNY", "cn", "cnyy", "usd", "", "cny\n", 156, ["cny"], {}),
    "client_ip": ("", "1.2.3", "1.2.3.256", "::1%eth0", "localhost", 2130706433, ["::1"]),
    "subject": ("", "s" * 33, 7, ["s"], "\ud800"),
    "body": ("", "b" * 129, "简" * 129, 7, b"body", "\udfff"),
    "description": ("d" * 256, 7, {}),
    "time_expire": (NOW + 59, NOW + 15 * DAY + 1, NOW - 1, NOW + 60.5, str(NOW + 60), True),
    "channel": ("", "c" * 33, "Alipay", "a b", "a|b", 7, ["alipay_qr"]),
    "extra": ([], "x", {"a": float("nan")}, {"a": "\ud800"}, {"a": {1, 2}}),
    "metadata": ([], "x", {"a": float("inf")}, {"\ud800": "a"}, {"a": b""}),
}
RIGHT: dict[str, tuple[object, ...]] = {
    "amount": (1, 2**53 - 1),
    "client_ip": ("192.0.2.1", "2001:db8::1", "::ffff:1.2.3.4"),
    "subject": ("s", "s" * 32, "简" * 32, "😀" * 32, "a\nb"),
    "body": ("b", "b" * 128, "简" * 128),
    "description": ("", "d" * 255),
    "time_expire": (NOW + 60, NOW + 15 * DAY),
    "extra": (None, {}, {"new": {"deep": [1]}}),
}


@pytest.mark.parametrize("field", WRONG)
def test_a_value_is_held_against_the_rule_of_its_field(field: str) -> None:
    for value in WRONG[field]:
        assert fields({**request("alipay_qr"), field: value}) == [field], value
    for value in RIGHT.get(field, ()):
        assert check({**request("alipay_qr"), field: value}) == [], value


def test_nesting_beyond_reason_is_refused() -> None:
    deep: list[Any] = []
    for _ in range(100_000):
        deep = [deep]
    assert fields(request("alipay_qr", extra={"a": deep}, metadata={"a": deep})) == ["extra", "metadata"]
    while deep:  # or freeing it would recurse as deep
        deep = deep.pop()


@pytest.mark.parametrize("channel", NAMES)
def test_currency_and_subject_depend_on_the_channel(channel: str) -> None:
    right, wrong = ("hkd", "cny") if channel.startswith("cb_") else ("cny", "usd")
    assert check(request(channel, currency=right, subject="简" * 10 + "ab")) == []
    assert fields(request(channel, currency=wrong)) == ["currency"]
    found = [(one.field, one.rule, one.length) for one in check(request(channel, subject="简" * 11))]
    assert found == [("subject", "a string of 1 to 32 bytes", 33)] * channel.startswith("upacp")


EXPIRES = {
    **dict.fromkeys(NAMES, (DAY, 15 * DAY)),
    **dict.fromkeys((one for one in NAMES if "wx_pub" in one), (7_200, 7 * DAY)),
    **dict.fromkeys(("upacp_qr", "unknown"), (DAY, 30 * DAY)),
}


@pytest.mark.parametrize(("channel", "bounds"), EXPIRES.items())
def test_time_expire_is_within_the_bounds_of_its_channel(channel: str, bounds: tuple[int, int]) -> None:
    default, most = bounds
    assert find(channel).expires == default
    for seconds in (60, most):
        assert check(request(channel, time_expire=NOW + seconds)) == []
    for seconds in (59, most + 1):
        (problem,) = check(request(channel, time_expire=NOW + seconds))
        assert problem.field == "time_expire"
        assert f"60 to {most} seconds from now" in problem.rule
    assert problems(request(channel, time_expire=NOW + 60), now=NOW + 0.5)


PRODUCT = ["a", "a" * 32], ["", "a" * 33, 7]
TEXT = ["a", "a" * 100, "简"], ["", 7, ["a"]]
URL = ["http://a.example/b", "https://例子.cn"], ["", "ftp://a", "https://", "https://a b", "javascript:x", 7]
LIMIT = ["no_credit"], ["", "credit", ["no_credit"], True]
ISV_TERMINAL = ["1", "00000001"], ["", "000000001", "T-1", "\uff34", 1]
ISV_GOODS: tuple[Any, Any] = [[], [{"a": 1}]], ["x" * 9, {}, [1], [{"a": "x" * 8000}]]
PAY_CHANNEL = ["alipay", "wx", "bfb"], ["", "wz", "Alipay", 1]
SCAN_CODE = ["1", "1" * 64], ["", "1" * 65, "13 1", "131\n", "\uff11", 131141564583769183]
ISV_SCAN_CODE = ["1", "1" * 32], ["", "1" * 33, "13 1", "131\r", 131141564583769183]


def goods(most: int) -> tuple[list[Any], list[Any]]:
    def num(*numbers: object) -> list[dict[str, object]]:
        return [{"goods_name": "iPhone", "goods_num": one} for one in numbers]

    bad = (0, -1, most + 1, "0", str(most + 1), "1.5", "", "one", "\uff11", 1.0, True, None)
    # PHP's sample of the guide sends a lone object.
    odd: tuple[Any, ...] = (
        [],
        GOODS[0],
        "x",
        [1],
        [{}],
        [{"goods_num": 1}],
        [{"goods_name": "", "goods_num": 1}],
    )
    return [num(1), num("1", most), num(str(most)), [{**GOODS[0], "price": "1"}]], [*odd, *map(num, bad)]


ISV = {"terminal_id": ISV_TERMINAL, "goods_list": ISV_GOODS}
OBJECTS = [[], [{}], [{"a": 1}]], ["x", {}, [1], [{}, "x"]]
ALIPAY = ("terminal_id", "operator_id", "store_id", "sys_service_provider_id")
WX_SCAN = {"scan_code": SCAN_CODE, "terminal_id": TEXT, "limit_pay": LIMIT}
RETURN_TYPE = [0, 1, "1"], [-1, "-1", "", "a", 1.0, True]
MEMBERS: dict[str, dict[str, tuple[Any, Any]]] = {
    "wx_pub_qr": {"product_id": PRODUCT, "limit_pay": LIMIT, "goods_tag": TEXT},
    "cb_wx_pub_qr": {"product_id": PRODUCT, "limit_pay": LIMIT, "goods_list": goods(2**53 - 1)},
    "upacp_qr": {"result_url": URL},
    "ccb_qr": {"pos_id": TEXT, "remark": (["", "test"], [7]), "return_type": RETURN_TYPE},
    "isv_qr": {"pay_channel": PAY_CHANNEL, **ISV},
    "isv_wap": {"pay_channel": PAY_CHANNEL, "result_url": URL, **ISV},
    "isv_scan": {"scan_code": ISV_SCAN_CODE, **ISV},
    "alipay_scan": {"scan_code": SCAN_CODE, "goods_list": OBJECTS, **dict.fromkeys(ALIPAY, TEXT)},
    "wx_pub_scan": {**WX_SCAN, "goods_tag": TEXT},
    "cb_alipay_scan": {"scan_code": SCAN_CODE},
    "cb_wx_pub_scan": {**WX_SCAN, "goods_list": goods(5500)},
    "upacp_scan": {"scan_code": SCAN_CODE},
}
REQUIRED_EXTRA = {name: set(one) for name, one in EXTRA.items()}


def test_each_member_of_the_table_is_tested() -> None:
    for name in NAMES:
        assert {one.name for one in find(name).extra} == MEMBERS.get(name, {}).keys()
        assert {one.name for one in find(name).extra if one.required} == REQUIRED_EXTRA.get(name, set())


@pytest.mark.parametrize(("channel", "member"), [(a, b) for a in MEMBERS for b in MEMBERS[a]])
def test_extra_is_held_against_the_rules_of_its_channel(channel: str, member: str) -> None:
    right, wrong = MEMBERS[channel][member]
    for value in right:
        assert check(extra(channel, **{member: value})) == [], value
    for value in wrong:
        found = check(extra(channel, **{member: value}))
        assert found, value
        assert all(re.match(rf"extra\.{member}(\[\d+\](\.goods_(name|num))?)?\Z", one.field) for one in found)


@pytest.mark.parametrize("channel", NAMES)
def test_extra_that_is_required_may_not_be_missing(channel: str) -> None:
    required = {f"extra.{one}" for one in REQUIRED_EXTRA.get(channel, set())}
    for nothing in (None, {}, dict.fromkeys(EXTRA.get(channel, {}))):
        found = {(one.field, one.rule[:10]) for one in check(request(channel, extra=nothing))}
        assert found == {(one, "required: ") for one in required}


def test_a_problem_tells_the_length_and_the_element() -> None:
    listed = [*GOODS, {"goods_name": "a", "goods_num": 5501}, 7]
    found = check(extra("cb_wx_pub_scan", scan_code="9" * 65, goods_list=listed))
    members = ("scan_code", 65), ("goods_list[1].goods_num", None), ("goods_list[2]", None)
    assert [(one.field, one.length) for one in found] == [(f"extra.{name}", n) for name, n in members]
    for n in (8000, 8001):
        found = check(extra("isv_qr", goods_list=[{"a": "x" * (n - len('[{"a":""}]'))}]))
        assert [(one.field, one.length) for one in found] == [("extra.goods_list", 8001)] * (n - 8000)


def metadata(value: object) -> list[tuple[str, int | None]]:
    return [(one.rule, one.length) for one in check(request("alipay_qr", metadata=value))]


def test_metadata_leaves_room_for_our_own() -> None:
    pairs = {f"k{i}": 1 for i in range(18)}
    assert metadata(pairs) == []
    assert metadata({**pairs, "k18": 1}) == [("at most 18 pairs", 19)]
    full = {"a": "x" * (METADATA_LONGEST - len('{"a":""}'))}
    assert metadata(full) == []
    assert metadata({"a": full["a"] + "x"}) == [("as JSON at most 840 characters", 841)]
    for key in ("pingpp_ingest_", "pingpp_ingest_order"):
        assert metadata({key: "x"}) == [("no key that begins with pingpp_ingest_", None)]
    assert metadata({"pingpp_tc": "001", "": None}) == []
    ours = {"pingpp_ingest_attempt": "x" * 40, "pingpp_ingest_order": "x" * 64}
    assert len(as_json({**full, **ours}) or "") <= 1000


SECRET = "S3cr3t0131141564583769183"
KEYS = st.sampled_from(["goods_name", "goods_num", SECRET, f"pingpp_ingest_{SECRET}"])
HOLDERS = st.recursive(
    st.sampled_from([SECRET, SECRET * 60, f" {SECRET}", f"{SECRET}\ud800"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner),
    max_leaves=5,
)
MEMBER_NAMES = sorted({one.name for row in CHANNELS.values() for one in row.extra})


@given(
    st.sampled_from([*NAMES, "unknown"]),
    st.dictionaries(st.sampled_from([*REQUIRED, "metadata", "description", "time_expire"]), HOLDERS),
    st.dictionaries(st.sampled_from([*MEMBER_NAMES, SECRET]), HOLDERS),
)
def test_a_problem_never_contains_the_value(name: str, wrong: dict[str, Any], more: dict[str, Any]) -> None:
    found = check({**extra(name, **more), **wrong})
    assert "0131141564583769183" not in repr(found)


ORDERS = st.text(st.characters(codec="ascii", categories=["L", "N", "P", "S"]), min_size=1, max_size=64)
BOUNDS = {**LONGEST, "unknown": (1, 20)}
CHANNEL = st.sampled_from(list(BOUNDS))


@given(st.one_of(ORDERS, st.text(max_size=80)), st.integers(2, MOST_ATTEMPTS), CHANNEL)
def test_a_further_order_number_fits_its_channel(order_no: str, number: int, channel: str) -> None:
    made = attempt_order_no(order_no, number, channel)
    shortest, longest = BOUNDS[channel]
    assert shortest <= len(made) <= longest
    assert re.fullmatch(r"[A-Za-z0-9]+", made)
    assert made == attempt_order_no(order_no, number, channel)
    assert "order_no" not in fields(request(channel, order_no=made))


@given(ORDERS, st.sets(st.integers(1, MOST_ATTEMPTS), min_size=2), CHANNEL)
def test_each_attempt_has_an_order_number_of_its_own(order_no: str, numbers: set[int], channel: str) -> None:
    assert len({attempt_order_no(order_no, one, channel) for one in numbers}) == len(numbers)


@given(st.sets(ORDERS, min_size=2), st.integers(2, 3), CHANNEL, st.integers(1, 40))
def test_orders_that_begin_alike_do_not_collide(ends: set[str], number: int, channel: str, n: int) -> None:
    orders = {"2026" * n + one for one in ends}
    made = {attempt_order_no(one, number, channel) for one in orders}
    assert len(made) == len(orders)
    assert not made & orders


def test_the_first_attempt_has_the_number_of_the_merchant() -> None:
    assert attempt_order_no("2026-001 !", 1, "ccb_qr") == "2026-001 !"
    # Deterministic across releases too: the attempt is written down with it.
    assert attempt_order_no("123456789", 2, "wx_pub_qr") == "123456789r2zkpmohopcspa"
    for number in (0, -1, MOST_ATTEMPTS + 1):
        with pytest.raises(ValueError, match="numbered from 1 to 100"):
            attempt_order_no("123456789", number, "wx_pub_qr")


@pytest.mark.parametrize("channel", [*NAMES, "unknown", "alipay_wap"])
def test_the_qr_text_is_that_of_channels_which_show_one(channel: str) -> None:
    charge = {"channel": channel, "credential": {"object": "credential", channel: "weixin://pay"}}
    assert qr_text(charge) == ("weixin://pay" if channel in NAMES and channel.endswith("_qr") else None)


@pytest.mark.parametrize("credential", [None, [], {}, "x", {"wx_pub_qr": "x"}, {"isv_qr": ""}, {"isv_qr": 7}])
def test_a_charge_without_a_qr_has_no_qr_text(credential: object) -> None:
    assert qr_text({"channel": "isv_qr", "credential": credential}) is None
    assert qr_text({"channel": ["isv_qr"], "credential": credential}) is None
    assert qr_text({"credential": credential}) is None


def test_who_is_shown_what() -> None:
    assert {name for name in NAMES if find(name).shown == "QR to the payer"} == {
        name for name in NAMES if name.endswith("_qr")
    }
    assert [name for name in NAMES if find(name).shown == "Charge to the client"] == ["isv_wap"]
    assert {name for name in NAMES if find(name).credential == "nothing"} == {
        name for name in NAMES if name.endswith("_scan")
    }
    assert find("unknown").shown == "nothing"
