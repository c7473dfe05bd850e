"""Joins sightings to a payment: what it becomes, what is published for it, and what is to be asked. Pure.

Whatever is seen enters the books through here, be it a webhook, an answer or a list.
"""

from dataclasses import dataclass, field

from payments.books import message
from payments.books.fold import Folded, fold, oddity, without_old_news
from payments.books.payment import Payment
from payments.members import member_of_charge
from payments.pingpp.sighting import Sighting

PAID_WHILE_REVERSING = "paid_while_reversing"


class Odd(RuntimeError):
    """A look that may not be taken into the books; `code` says why, `held` is the payment as we have it."""

    def __init__(self, code: str, held: Payment, seen: Sighting) -> None:
        super().__init__(code)
        self.code, self.held, self.seen = code, held, seen


@dataclass(slots=True)
class Decision:
    """What a payment is to become, what is published for it, and which questions arise."""

    payment: Payment
    messages: list[bytes] = field(default_factory=list)
    asks: list[str] = field(default_factory=list)

    def take(self, seen: Sighting, *, watch_from: int | None = None) -> Folded:
        """Join a sighting. With `watch_from` (Unix seconds by Ping++), what it tells from before that is not published.

        Raises Odd, and LawBroken for a mistake of ours; this decision is what it was then.
        """
        odd = oddity(self.payment, seen)
        if odd:
            raise Odd(odd, self.payment, seen)
        folded = fold(self.payment, seen)
        if watch_from is not None:
            folded = without_old_news(self.payment, folded, watch_from)
        if folded.messages:
            self.messages += message.of_fold(folded, seen)
        self.payment = folded.payment
        if folded.ask:
            self.asks.append(member_of_charge(seen.charge_id))
        return folded
