"""What the code means that a customer shows at the till: payment codes by whose beginning the customer behaves.

The wallets' own codes begin with 10 to 15, 25 to 30 or 62, so these are in nobody's way. In each of them the
digits that follow are free.
"""

from sandbox.objects import charges
from sandbox.refusals import Object, Refused
from sandbox.world import World

PASSWORD = "91"  # noqa: S105 - the wallet asks its owner for one
PASSWORD_UNPAID = "92"  # noqa: S105 - the same, told otherwise
REFUSED = "93"
ANSWER_LOST = "94"
LENGTH = 18  # of an ordinary code

# For the docs and the page: a code of each kind, in full.
EXAMPLES = {
    beginning: beginning.ljust(LENGTH, "0") for beginning in (PASSWORD, PASSWORD_UNPAID, REFUSED, ANSWER_LOST)
}


class AnswerLost(Exception):
    """The call was carried out, and its answer never arrives."""


def scanned(world: World, charge: Object) -> Object:
    """What comes of a charge whose customer shows a code: most have paid by the time the create is answered."""
    code = str(charge["extra"]["scan_code"])
    if code.startswith(REFUSED):
        # No charge is left behind: there is nothing to pay, to find, or to reverse.
        raise _channel_says(
            "channel_response_code_fail", "付款码无效或余额不足 (the wallet refuses this code)"
        )
    world.store.save_charge(charge)
    if code.startswith(PASSWORD):
        # The one refusal after which money can come: the customer may still type the password.
        raise _channel_says(
            "channel_request_error", "用户支付中 需要输入密码 (the customer is asked for a password)"
        )
    if code.startswith(PASSWORD_UNPAID):
        return charge
    # Ping++ docs: a scanned customer pays while the call lasts, so the answer is paid already.
    paid = charges.pay(world, charge["id"])
    if code.startswith(ANSWER_LOST):
        raise AnswerLost
    return paid


def _channel_says(code: str, message: str) -> Refused:
    """Ping++ docs: 402 for what is well-formed and failed at the channel."""
    return Refused(402, "channel_error", message, code=code)
