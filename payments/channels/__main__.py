"""Prints the table of channels for people, `docs/channels.md`: `python -m payments.channels`."""

import sys

from payments.channels.channel import BODY, CLOSE_BY, ORDINARY, SUBJECT, Channel
from payments.channels.rules import DAY, HOUR, METADATA_LONGEST, METADATA_PAIRS, MINUTE, OURS, Address
from payments.channels.table import AMOUNT, CCB_NO, DESCRIPTION, TABLE, UNIONPAY_SUBJECT, UNKNOWN


def document() -> str:
    """The whole page, as Markdown."""
    rows = ["".join(f"| {cell} " for cell in cells) + "|" for cells in (_HEAD, *map(_cells, TABLE))]
    rows.insert(1, "| --- " * len(_HEAD) + "|")
    extras = "\n".join(
        f"| `{row.name}` | `{one.name}` | {'yes' if one.required else 'no'} | {one.rule.words} |"
        for row in TABLE
        for one in row.extra
    )
    return _DOCUMENT.format(table="\n".join(rows), extras=extras)


_HEAD = (
    "channel",
    "order_no",
    "currency",
    "credential",
    "who is shown what",
    "time_expire: default, most",
    "watched",
    "reversed",
)


def _cells(row: Channel) -> tuple[str, ...]:
    within = f", within {row.window.words}" if row.window else ""
    reverse = {"never": "never", "unpaid": "unpaid only", "also_paid": f"also when paid{within}"}[row.reverse]
    order_no = f"{row.order_no.shortest} to {row.order_no.longest}"
    expires = f"{_duration(row.expires)}, {_duration(row.expires_most)}"
    currency = row.currency.words
    return f"`{row.name}`", order_no, currency, row.credential, row.shown, expires, row.watch.name, reverse


def _duration(seconds: int) -> str:
    return f"{seconds // HOUR} h" if seconds <= DAY else f"{seconds // DAY} d"


_DOCUMENT = f"""# Channels

Written by `make docs`: change `payments/channels/table.py`, not this page.

{{table}}

- `order_no`: so many {CCB_NO.of}. The first attempt at a
  payment has the merchant's own at Ping++, each further one an order_no made from it that fits its channel.
- `time_expire` is at least {MINUTE} s ahead.
- Watched `ordinary`: asked about {ORDINARY.gaps[0]} s after creation (`FALLBACK_AFTER`), then after
  {", ".join(map(str, ORDINARY.gaps[1:]))} s more (`CHECK_GAPS`), the last again and again, once a minute around
  `time_expire` and once after it. `close_by`: asked about every {CLOSE_BY.gaps[0]} s, reversed after
  {CLOSE_BY.reverse_after} s, and asked about once more.
- Days are those of China (UTC+8). WeChat may refuse to reverse a `wx_pub_qr` right after its creation.
- A channel that is not listed is passed on with the common rules: order_no {UNKNOWN.order_no.words},
  currency {UNKNOWN.currency.words}, any `extra`. It is never reversed, and none of it is shown.

## `extra`

| channel | member | required | must be |
| --- | --- | --- | --- |
{{extras}}

Members that are not listed are passed on.

## On every channel

| field | required | must be |
| --- | --- | --- |
| `amount` | yes | {AMOUNT.words}, in the smallest unit |
| `subject` | yes | {SUBJECT.words}; on `upacp_*` {UNIONPAY_SUBJECT.words} |
| `body` | yes | {BODY.words} |
| `client_ip` | yes | {Address().words} |
| `description` | no | {DESCRIPTION.words} |
| `metadata` | no | an object of at most {METADATA_PAIRS} pairs, as JSON at most {METADATA_LONGEST} characters, no key that begins with `{OURS}`: Ping++ takes 20 pairs and 1000 characters, of which we need the rest |
"""


if __name__ == "__main__":
    sys.stdout.write(document())
