"""Joins sightings to a payment: what it becomes, what is published for it, and what Ping++ is asked. Pure.

Every sighting enters the books through here: a webhook, an answer or a list.
"""

from dataclasses import dataclass, field

from payments.books import message
from payments.books.fold import Folded, fold, oddity, without_old_news
from payments.books.payment import Payment
from payments.members import member_of_charge
from payments.pingpp.sighting import Sighting

PAID_WHILE_REVERSING = "paid_while_reversing"


class Odd(RuntimeError):
    """A sighting that may not enter the books; `code` (see `Oddity`) says why, `held` is the payment as it
    was.
    """

    def __init__(self, code: str, held: Payment, seen: Sighting) -> None:
        super().__init__(code)
        self.code, self.held, self.seen = code, held, seen


@dataclass(slots=True)
class Decision:
    """What a payment becomes, and what follows from that."""

    payment: Payment
    #: CloudEvents, as JSON
    messages: list[bytes] = field(default_factory=list)
    #: members of the due set `asks`: charges about which Ping++ is to be asked
    asks: list[str] = field(default_factory=list)

    def take(self, seen: Sighting, *, watch_from: int | None = None) -> Folded:
        """Join a sighting. What is older than `watch_from` (Unix seconds by Ping++) is not published.

        Raises Odd, and LawBroken for a mistake of ours. Then this decision is unchanged.
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
