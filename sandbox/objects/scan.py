"""Codes that the customer shows at the till: the first two digits choose how the customer behaves.

The digits after them are free. Real codes of the wallets begin with 10 to 15, 25 to 30 or 62, so these are different.
"""

from sandbox.objects import charges
from sandbox.refusals import Object, Refused
from sandbox.world import World

# The wallet asks the customer for a password: the create is refused with 402.
PASSWORD = "91"  # noqa: S105 - the beginning of a code
# The same, but the create answers with a charge that is not paid.
PASSWORD_UNPAID = "92"  # noqa: S105 - the beginning of a code
REFUSED = "93"
ANSWER_LOST = "94"
LENGTH = 18  # digits of an ordinary code

# For the docs and the page: a code of each kind, in full.
EXAMPLES = {
    beginning: beginning.ljust(LENGTH, "0") for beginning in (PASSWORD, PASSWORD_UNPAID, REFUSED, ANSWER_LOST)
}


class AnswerLost(Exception):
    """The call was carried out, and its answer never arrives."""


def scanned(world: World, charge: Object) -> Object:
    """The charge of a create with a scanned code. With most codes it is paid before the create is answered."""
    code = str(charge["extra"]["scan_code"])
    if code.startswith(REFUSED):
        # No charge is left behind: there is nothing to pay, to find, or to reverse.
        raise _channel_says(
            "channel_response_code_fail", "付款码无效或余额不足 (the wallet refuses this code)"
        )
    world.store.save_charge(charge)
    if code.startswith(PASSWORD):
        # The only refusal after which the charge can be paid: the customer may still type the password.
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
    """A refusal by the channel. Ping++ docs: 402 for a well-formed request that failed at the channel."""
    return Refused(402, "channel_error", message, code=code)
