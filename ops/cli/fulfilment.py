"""The commands `fulfilment`: the messages for the merchant's services, and how far each service has read."""

import contextlib
from typing import Annotated

import typer

from ops.cli.answers import AsJson, command, say, write, write_json, write_table
from ops.cli.books import DataDir, opened
from ops.cli.messages import line
from ops.cli.tail import follow
from ops.settings import settings_for
from payments.fulfilment import groups as consumer_groups

app = typer.Typer(no_args_is_help=True, help="The messages to the merchant's services, and who reads them.")


@app.command()
def tail(
    from_start: Annotated[
        bool, typer.Option("--from-start", help="Those that are there already, too.")
    ] = False,
    idle_exit: Annotated[
        float | None,
        typer.Option(min=0, metavar="SECONDS", help="End when no message came for so long (decimals too)."),
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="One CloudEvent a line, with buyers' data.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print messages as they come, until Ctrl-C. Consumer groups still get every message."""
    settings = settings_for(data_dir)
    with contextlib.suppress(KeyboardInterrupt):
        for entry_id, message in follow(settings, from_start=from_start, idle_s=idle_exit):
            write(message if as_json else line(entry_id, message))


@app.command()
def groups(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the consumer groups: how far each has read, what it has not acknowledged, and its consumers."""
    with opened(data_dir) as books:
        found = consumer_groups.groups(books.store)
    if as_json:
        write_json(found)
        return
    if not found:
        stream = f"{settings_for(data_dir).key_prefix}fulfilment"
        say(
            "No consumer groups. A service of yours makes its own, with any Redis client: "
            f"XGROUP CREATE {stream} NAME 0 MKSTREAM\nWhat it would be told: "
            + command("fulfilment", "tail", "--from-start")
        )
        return
    write_table(
        ["group", "consumers", "pending", "lag", "last delivered", "at"],
        [
            (
                one["name"],
                len(one["consumers"]),
                one["pending"],
                "unknown" if one["lag"] is None else one["lag"],
                one["last_delivered_id"],
                one["last_delivered_at"],
            )
            for one in found
        ],
        right=["consumers", "pending", "lag"],
    )
