"""The commands `fulfilment`: the messages that merchant services are told by, and who reads them."""

import contextlib
from typing import Annotated, Any

import typer

from ops.cli.answers import AsJson, at_ms, command, say, write, write_json, write_table
from ops.cli.books import Books, DataDir, opened
from ops.cli.messages import line
from ops.cli.tail import follow
from ops.settings import settings_for

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
        bool, typer.Option("--json", help="One CloudEvent a line, buyers' data included.")
    ] = False,
    data_dir: DataDir = None,
) -> None:
    """Print messages as they come, until Ctrl-C. Reading here takes nothing away from consumer groups."""
    settings = settings_for(data_dir)
    with contextlib.suppress(KeyboardInterrupt):
        for entry_id, message in follow(settings, from_start=from_start, idle_s=idle_exit):
            write(message if as_json else line(entry_id, message))


@app.command()
def groups(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """List the consumer groups: how far each has read, what it has not acknowledged, and its consumers."""
    with opened(data_dir) as books:
        found = _groups(books)
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


def _groups(books: Books) -> list[dict[str, Any]]:
    stream = books.keys.fulfilment
    if not books.client.exists(stream):
        return []
    found = []
    groups: Any = books.client.xinfo_groups(stream)
    for group in groups:
        consumers: Any = books.client.xinfo_consumers(stream, group["name"])
        last = _text(group["last-delivered-id"])
        began = last != "0-0"
        found.append(
            {
                "name": _text(group["name"]),
                "pending": group["pending"],
                "lag": group.get("lag"),
                "last_delivered_id": last,
                "last_delivered_at": at_ms(int(last.partition("-")[0])) if began else None,
                "consumers": [
                    {"name": _text(one["name"]), "pending": one["pending"], "idle_ms": one["idle"]}
                    for one in consumers
                ],
            }
        )
    return found


def _text(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
