"""Makes ids and numbers in the forms that Ping++ and the wallets use."""

import secrets
import string
import time

_LETTERS = string.ascii_letters + string.digits
_SMALL = string.ascii_lowercase + string.digits


def new_id(kind: str) -> str:
    """`ch_`, `re_`, `evt_`, `iar_` … and 24 letters and digits."""
    return f"{kind}_{letters(24)}"


def letters(length: int) -> str:
    return "".join(_LETTERS[byte % len(_LETTERS)] for byte in secrets.token_bytes(length))


def small_letters(length: int) -> str:
    return "".join(_SMALL[byte % len(_SMALL)] for byte in secrets.token_bytes(length))


def digits(length: int) -> str:
    return str(secrets.randbelow(10**length)).zfill(length)


def day(now: float) -> str:
    """The date in China (YYYYMMDD), with which the wallets' transaction numbers begin."""
    return time.strftime("%Y%m%d", time.gmtime(now + 8 * 3600))
