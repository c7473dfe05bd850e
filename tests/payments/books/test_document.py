"""The document of a payment: what is written is what is read, and what a later release wrote is left to it."""

import msgspec
import pytest

from payments.books.document import SCHEMA, NewerSchema, decode, encode
from payments.books.payment import (
    Attempt,
    Charge,
    Failure,
    Payment,
    Refund,
    RefundAttempt,
    Registration,
    Reversal,
)

NO = Failure("no", "it did not")
WHOLE = Payment(
    SCHEMA,
    "app_1",
    "订单 1",
    charges=(Charge("ch_1", "订单 1", "alipay_qr", 100, "cny", livemode=True, created=1, extra={"a": [1, None]}),),
    refunds=(Refund("re_1", "ch_1", 40, succeeded=True),),
    first_paid="ch_1",
    sequence=3,
    created_ms=1_700_000_000_000,
    registration=Registration(100, "cny", livemode=True, token="t"),
    attempts=(Attempt("at_1", "订单 1", "alipay_qr", "d", 1, 2, charge="ch_1"),),
    reversals=(Reversal("ch_1", 1, 2, tries=3, ended=True, failure=NO),),
    refund_attempts=(RefundAttempt("rt_1", "ch_1", 40, 1, 2, failure=NO),),
)  # fmt: skip


def test_what_is_written_is_what_is_read() -> None:
    assert decode(encode(WHOLE)) == WHOLE


def test_the_schema_stands_first_for_other_tools() -> None:
    assert encode(WHOLE).startswith(b'{"schema":1,"app":"app_1","order_no":')


@pytest.mark.parametrize("more", [b"", b',"charges":{"another":"shape"}'])
def test_what_a_later_release_wrote_is_left_to_it(more: bytes) -> None:
    with pytest.raises(NewerSchema, match="schema 99"):
        decode(b'{"schema":99,"app":"a","order_no":"o"' + more + b"}")


@pytest.mark.parametrize(
    "document", [b"", b"{", b"[]", b"{}", b'{"schema":1}', b'{"schema":1,"app":"a","order_no":1}']
)
def test_what_is_no_document_is_refused(document: bytes) -> None:
    with pytest.raises(msgspec.MsgspecError):
        decode(document)
