"""The picture of a payment's status: which follows on which, and upon what, found by trying it out.

Two charges of one payment live all their lives, in every order of what happens to them; each step is folded as a worker
does it, and the status is asked for before and after.
"""

from collections import defaultdict, deque
from collections.abc import Iterator

from msgspec.structs import replace

from payments.books.attempts import OVER_MS, end
from payments.books.document import SCHEMA
from payments.books.fold import EXPIRY_GRACE, fold, oddity
from payments.books.payment import Attempt, Failure, Payment
from payments.pingpp.sighting import ATTEMPT_METADATA, of_charge
from tests.conftest import charge_object, refund_object, refunds_of, unpaid

ORDER = "order00000001"
AFTER_EXPIRY_MS = (1_700_086_400 + EXPIRY_GRACE) * 1000

# What can happen next to a charge, and what it is then.
LIFE = {
    "nothing": {"an attempt begins": "attempt", "a charge is made elsewhere": "open"},
    "attempt": {"the attempt fails": "failed", "the charge is made": "open"},
    "open": {"a charge is paid": "paid", "a charge expires": "expired", "a charge is reversed": "reversed"},
    "expired": {"a charge is paid": "paid"},
    "paid": {"a part is refunded": "part", "all is refunded": "all", "the money is reversed": "back"},
    "part": {"all is refunded": "all"},
}


def status() -> str:
    """A state diagram of Mermaid."""
    labels: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for before, happens, after in steps():
        if happens not in labels[before, after]:
            labels[before, after].append(happens)
    arrows = [f"    {before} --> {after}: {', '.join(why)}" for (before, after), why in labels.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", *arrows, "```", ""])


def steps() -> Iterator[tuple[str, str, str]]:
    """Each change of status that can happen, those near the beginning first."""
    nothing = Payment(SCHEMA, "app_1Gqj58ynP0mHeX1q", ORDER)
    waiting: deque[tuple[tuple[str, ...], Payment]] = deque([(("nothing", "nothing"), nothing)])
    seen = set()
    while waiting:
        stages, payment = waiting.popleft()
        before = "[*]" if payment is nothing else payment.status
        if (stages, before) in seen:
            continue
        seen.add((stages, before))
        for number, stage in enumerate(stages):
            for happens, then in LIFE.get(stage, {}).items():
                after = _become(payment, number, then)
                if after.status != before:
                    yield before, happens, after.status
                waiting.append(((*stages[:number], then, *stages[number + 1 :]), after))


def _become(payment: Payment, number: int, stage: str) -> Payment:
    attempt = Attempt(f"at_{number}", f"{ORDER}r{number}", "alipay_qr", "", 0, OVER_MS)
    if stage == "attempt":
        return replace(payment, attempts=(*payment.attempts, attempt))
    if stage == "failed":
        return end(payment, attempt.id, Failure("refused", ""), OVER_MS).payment
    sighting = of_charge(_charge(number, stage), "retrieve", AFTER_EXPIRY_MS if stage == "expired" else 1)
    assert oddity(payment, sighting) is None
    return fold(payment, sighting).payment


def _charge(number: int, stage: str) -> dict[str, object]:
    part, rest = (refund_object(2 * number + n, number, amount=amount) for n, amount in enumerate((40, 60)))
    about = {"order_no": ORDER, "metadata": {ATTEMPT_METADATA: f"at_{number}"}}
    match stage:
        case "open" | "expired":
            return unpaid(number, **about)
        case "reversed":
            return unpaid(number, reversed=True, **about)
        case "part":
            return charge_object(number, amount_refunded=40, refunds=refunds_of(part), **about)
        case "all":
            return charge_object(number, amount_refunded=100, refunds=refunds_of(part, rest), **about)
        case "back":
            return charge_object(number, reversed=True, amount_refunded=100, **about)
        case _:
            return charge_object(number, **about)
