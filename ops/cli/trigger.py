"""The command `trigger`: has the sandbox make payments, and send the events about them."""

from typing import Annotated, Any

import typer

from ops.cli.answers import AsJson, command, fail, say, write_json, write_table
from ops.cli.books import DataDir
from ops.cli.sandbox_control import NoSandbox, SandboxRefused, ask, find
from ops.settings import settings_for

_SHOWN = 20  # events in the table; all of them are in --json


def trigger(  # noqa: PLR0917  typer calls it by name
    type_: Annotated[
        str,
        typer.Argument(
            metavar="TYPE",
            help="charge.succeeded, refund.succeeded, refund.failed, or any other type of Ping++'s events.",
        ),
    ],
    count: Annotated[int, typer.Option(min=1, max=1_000_000, help="Of so many new payments.")] = 1,
    rate: Annotated[
        float | None, typer.Option(help="So many a second; else as fast as it can.", show_default=False)
    ] = None,
    app: Annotated[
        str | None, typer.Option(help="Of this app (app_…); else the sandbox's own.", show_default=False)
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="In live mode; else in test mode.")] = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Have the sandbox send an event of this type, about a new payment."""
    if rate is not None and not 0 < rate < float("inf"):
        raise typer.BadParameter("--rate is a number above 0.")
    wanted = {"type": type_, "count": count, "rate": rate, "app": app, "livemode": live or None}
    url = find(settings_for(data_dir))
    try:
        answer = ask(
            url,
            "POST",
            "/sandbox/trigger",
            {name: value for name, value in wanted.items() if value is not None},
        )
    except NoSandbox as error:
        fail(str(error), status=2)
    except SandboxRefused as error:
        fail(f"The sandbox refuses: {error}. See: pingpp-ingest trigger --help", status=2)
    if as_json:
        write_json(answer)
        return
    events = _events(answer)
    write_table(
        ["event", "type", "object", "order_no"],
        [
            [one.get(name) for name in ("event_id", "type", "object_id", "order_no")]
            for one in events[:_SHOWN]
        ],
    )
    if "events" not in answer:
        say(f"The first and the last of {answer.get('count', count)}; they are being sent.")
    elif len(events) > _SHOWN:
        say(f"and {len(events) - _SHOWN} more (all with --json); they are being sent.")
    _say_how_to_watch(events[0] if events else {})


def _events(answer: dict[str, Any]) -> list[dict[str, Any]]:
    listed = answer.get("events") or [answer.get("first"), answer.get("last")]
    return [one for one in listed if isinstance(one, dict)]


def _say_how_to_watch(event: dict[str, Any]) -> None:
    say("\nWatch it:")
    say(f"  {command('fulfilment', 'tail', '--from-start')}")
    if event.get("event_id"):
        say(f"  {command('events', 'show', event['event_id'])}")
    if event.get("order_no"):
        say(f"  {command('payments', 'show', event['order_no'])}")
