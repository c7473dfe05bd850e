"""Hastens: brings the next look at a payment forward, because a shopper waits; at most once in a few seconds."""

from payments import bell, clock
from payments.books.payment import Payment
from payments.keys import CHECKS_NOW
from payments.members import member_of_attempt, member_of_charge
from payments.store import Store

AT_MOST_EVERY_MS = 5_000


def hasten(store: Store, payment: Payment) -> bool:
    """Have all that is open in a payment looked at now. False: that was asked for just before, or all is
    settled.
    """
    members = [member_of_charge(one.id) for one in payment.charges if one.open]
    members += [member_of_attempt(one.id, payment.name) for one in payment.attempts if one.open]
    if not members or not store.client.set(
        store.keys.hastened(payment.name), "1", px=AT_MOST_EVERY_MS, nx=True
    ):
        return False
    now_ms = clock.now_ms(store.client)
    store.client.zadd(store.keys.due(CHECKS_NOW), dict.fromkeys(members, now_ms), lt=True)
    bell.ring_if_due(store, CHECKS_NOW)
    return True
