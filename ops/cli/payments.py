"""The commands `payments`: what the books hold."""

import re
from collections.abc import Iterator
from typing import Annotated, Any

import typer

from ops.cli.answers import AsJson, command, fail, say, write, write_facts, write_json, write_table
from ops.cli.books import Books, DataDir, opened
from payments.books.document import NewerSchema
from payments.books.ledger import load_payment
from payments.books.view import payment_json, without_the_buyer
from payments.currency import money

app = typer.Typer(no_args_is_help=True, help="What the books hold.")

_SCAN = 1_000

Raw = Annotated[bool, typer.Option("--raw", help="Show buyers' data (in `extra`) too.")]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 20,
    raw: Raw = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List payments, newest first."""
    with opened(data_dir) as books:
        names: Any = books.store.client.zrevrange(books.store.keys.payments, 0, limit - 1)
        payments = [one for name in names if (one := _load(books, name.decode(), raw=raw))]
    if as_json:
        write_json(payments)
        return
    if not payments:
        say(f"No payments yet. With the sandbox running: {command('trigger', 'charge.succeeded')}")
        return
    write_table(
        ["first seen", "order_no", "status", "amount", "refunded", "channel", "charges", "app"],
        [
            (
                one["created_at"],
                one["order_no"],
                one["status"],
                money(one["amount"], one["currency"]),
                money(one["amount_refunded"] or None, one["currency"]),
                one["channel"],
                len(one["charges"]),
                one["app"],
            )
            for one in payments
        ],
        right=["amount", "refunded", "charges"],
    )


@app.command()
def show(
    order_no: Annotated[str, typer.Argument(metavar="ORDER_NO", help="The merchant's order number.")],
    app_id: Annotated[
        str | None, typer.Option("--app", help="Of which app, where several have that order number.")
    ] = None,
    raw: Raw = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show a payment with its charges and refunds."""
    with opened(data_dir) as books:
        apps = [app_id] if app_id else sorted(_apps_with(books, order_no))
        payment = _load(books, f"{apps[0]}:{order_no}", raw=raw) if len(apps) == 1 else None
    if len(apps) > 1:
        ways = [command("payments", "show", "--app", one, "--", order_no) for one in apps]
        fail("Several apps have a payment of that order number. Say which:\n" + "\n".join(ways))
    if payment is None:
        of_app = f" of app {app_id}" if app_id else ""
        fail(f"There is no payment {order_no}{of_app} in the books. See: pingpp-ingest payments list")
    if as_json:
        write_json(payment)
        return
    _write(payment)


def _apps_with(books: Books, order_no: str) -> Iterator[str]:
    escaped = re.sub(r"([*?\[\]\\^-])", r"\\\1", order_no)
    # ZSCAN may return a member twice.
    found = {
        name.decode()
        for name, _ in books.store.client.zscan_iter(
            books.store.keys.payments, match=f"*:{escaped}", count=_SCAN
        )
    }
    for name in found:
        app_id, _, number = name.partition(":")
        if number == order_no:
            yield app_id


def _load(books: Books, name: str, *, raw: bool) -> dict[str, Any] | None:
    try:
        payment = load_payment(books.store, name)
    except NewerSchema as error:
        say(f"Left out, for a later release wrote it: {error}")
        return None
    if payment is None:
        return None
    view = payment_json(payment)
    return view if raw else view | {"charges": [without_the_buyer(charge) for charge in view["charges"]]}


def _write(payment: dict[str, Any]) -> None:
    currency = payment["currency"]
    amounts = {name: money(payment[name], currency) for name in ("amount", "amount_refunded")}
    failure = payment.get("failure")
    facts = payment | amounts | ({"failure": f"{failure['code']}: {failure['message']}"} if failure else {})
    write_facts((name, value) for name, value in facts.items() if not isinstance(value, list))
    write("")
    write_table(
        ["charge", "status", "amount", "channel", "order_no", "transaction_no"],
        [
            (
                one["id"],
                one["status"],
                money(one["amount"], one["currency"]),
                one["channel"],
                one["order_no"],
                one["transaction_no"],
            )
            for one in payment["charges"]
        ],
        right=["amount"],
    )
    for one in payment["charges"]:
        if one["extra"]:
            write_facts([(f"extra of {one['id']}", one["extra"])])
    if payment["refunds"]:
        write("")
        write_table(
            ["refund", "status", "amount", "charge", "failure"],
            [
                (
                    one["id"],
                    one["status"],
                    money(one["amount"], currency),
                    one["charge"],
                    " ".join(filter(None, (one["failure_code"], one["failure_msg"]))),
                )
                for one in payment["refunds"]
            ],
            right=["amount"],
        )
