"""The commands `events`: what Ping++ sent, what became of it, and how to have it applied again."""

from typing import Annotated, Any

import typer

from ops.cli.answers import AsJson, command, fail, say, write, write_facts, write_json, write_table
from ops.cli.books import Books, DataDir, opened, ring
from ops.cli.letter import Raw, write_raw
from payments.dead_letters.shown import raw_json
from payments.inbox import replay as replays
from payments.inbox.seen import SeenEvent, look_up, members_of, recent, shown
from payments.keys import EVENTS

app = typer.Typer(no_args_is_help=True, help="What Ping++ sent, and what became of it.")

EventId = Annotated[
    str,
    typer.Argument(
        metavar="EVENT_ID", help="`evt_…`; or what `events list --json` calls `member`: one of several."
    ),
]


@app.command("list")
def list_(
    limit: Annotated[int, typer.Option(min=1, help="At most so many, newest first.")] = 50,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """List the latest events, newest first.

    States: pending (waits to be applied), asked (odd, so Ping++ is being asked), dead (a dead letter holds it),
    done (in the books and published, or passed through, or of another app or mode and kept aside).
    """
    with opened(data_dir) as books:
        seen = [shown(one) for one in recent(books.store, limit)]
    if as_json:
        write_json(seen)
        return
    if not seen:
        say(f"No events came in yet. With the sandbox running: {command('trigger', 'charge.succeeded')}")
        return
    write_table(
        ["received", "type", "state", "event", "order_no", "seen", "odd"],
        [
            (
                one["received_at"] and f"{one['received_at'][:19]}Z",
                one["type"] or one.get("undecodable"),
                one["state"],
                one["event_id"] or one["member"],
                one["order_no"],
                one["seen"],
                one["odd"],
            )
            for one in seen
        ],
        right=["seen"],
    )


@app.command()
def show(
    event_id: EventId,
    raw: Raw = False,
    as_json: AsJson = False,
    data_dir: DataDir = None,
) -> None:
    """Show an event: when it came, how often, and what became of it. One id can stand for several objects."""
    with opened(data_dir) as books:
        seen = _seen(books, event_id)
    described = [(one, shown(one)) for one in seen]
    if as_json:
        members = [about | (raw_json(one.body) if raw else {}) for one, about in described]
        write_json({"event_id": seen[0].event_id, "members": members})
        return
    for position, (one, about) in enumerate(described):
        if position:
            write("")
        if one.body is None:
            about["body_bytes"] = "gone"
        write_facts((name, value) for name, value in about.items() if (name, value) != ("attempts", 0))
        step = _next(one)
        if step:
            write(f"Next: {step}")
        if raw:
            write("The body as it came:")
            write_raw(one.body)


@app.command()
def replay(event_id: EventId, data_dir: DataDir = None) -> None:
    """Have an event applied again, as if it came now.

    Facts that the books hold already are not published again. An event that is only passed through
    (any but charge.* and refund.*) is published once more, with the same id.
    """
    refused = []
    with opened(data_dir) as books:
        back = False
        for one in _seen(books, event_id):
            became = replays.replay(books.store, one.member)
            if became == "replayed":
                back = True
                write(f"{one.member} is being applied again.")
            elif became == "dead":
                letter = replays.held_by(books.store, [one.member]).get(one.member, "ID")
                again = command("dead-letters", "retry", letter)
                refused.append(f"{one.member} is held by dead letter {letter}. Instead: {again}")
            elif became == "asked":
                refused.append(
                    f"{one.member} is odd, and Ping++ is being asked about it: it needs no replay."
                )
            else:
                refused.append(
                    f"The body of {one.member} is gone: it is kept for {books.settings.keep_bodies_days:g} days after "
                    "the event is done (KEEP_BODIES_DAYS). Have Ping++ send it again, from its dashboard; what the "
                    f"books hold is unharmed: {command('payments', 'list')}"
                )
        if back:
            ring(books, EVENTS)
    if refused:
        fail("\n".join(refused))


def _seen(books: Books, event_id: str) -> list[SeenEvent]:
    members = members_of(books.store, event_id)
    if not members:
        fail(
            f"There is no event {event_id}: it never came, or so long ago that it is forgotten. "
            "See: pingpp-ingest events list"
        )
    return list(look_up(books.store, members))


def _next(one: SeenEvent) -> Any:
    if one.letter:
        return command("dead-letters", "show", one.letter)
    return None
