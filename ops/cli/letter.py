"""Shows one dead letter: what happened, what each side says, and the commands that end it."""

from collections.abc import Mapping
from typing import Annotated, Any

import typer

from ops.cli.answers import command, plain, write, write_facts, write_json, write_table
from payments.dead_letters.letters import DeadLetter
from payments.dead_letters.shown import raw_json, shown
from payments.times import at_ms

Raw = Annotated[bool, typer.Option("--raw", help="The body of the webhook too, buyers' data included.")]

_SIDES = ("claimed", "found", "held")  # by the event, by Ping++ when asked, by our books
_SIDE_HEADINGS = {"claimed": "claimed (event)", "found": "found (Ping++)", "held": "held (books)"}
# Reasons that a retry cannot change.
_FINAL = {"not_json", "not_an_event", "bad_event_id", "bad_object_id", "no_charge", "body_missing"}


def write_raw(body: bytes | None) -> None:
    """Write the body for a person; control characters are escaped."""
    write(
        "(the body is gone)" if body is None else plain(body.decode("utf-8", "backslashreplace"), keep="\n\t")
    )


def show_letter(letter: DeadLetter, body: bytes | None, *, raw: bool, as_json: bool) -> None:
    """Write all that is known of a dead letter; the body only with `raw`."""
    steps = next_steps(letter, raw=raw)
    if as_json:
        document = shown(letter)
        document["event_type"] = letter.event_type or None
        document["evidence"] = dict(letter.evidence)
        document["body_bytes"] = None if body is None else len(body)
        document["next"] = [{"why": why, "command": line} for why, line in steps]
        if raw:
            document |= raw_json(body)
        write_json(document)
        return
    write_facts(
        [
            ("id", letter.id),
            ("reason", letter.reason),
            ("", ""),
            ("what it means", letter.explanation),
            ("last error", letter.last_error),
            ("event", f"{letter.event_id}  {letter.event_type}".strip()),
            ("charge", letter.charge_id),
            ("order_no", letter.order_no),
            ("app", letter.app),
            ("known as", f"{letter.member} ({letter.kind}, from due:{letter.due_set})"),
            ("first", at_ms(letter.first_ms)),
            ("last", at_ms(letter.last_ms)),
            ("times", letter.count),
            ("attempts", letter.attempts),
            ("what is odd", letter.evidence.get("odd")),
            ("body", "gone" if body is None and letter.kind != "charge" else body and f"{len(body)} bytes"),
        ]
    )
    _write_sides(letter.evidence)
    if raw:
        write("\nThe body as it came:")
        write_raw(body)
    write("\nNext:")
    for why, line in steps:
        write(f"  {why:<25}{plain(line)}")


def next_steps(letter: DeadLetter, *, raw: bool = False) -> list[tuple[str, str]]:
    """What a person can do about it: pairs of a reason and a command."""
    steps = []
    if not raw and letter.kind != "charge" and letter.reason != "body_missing":
        steps.append(("read the body", command("dead-letters", "show", letter.id, "--raw")))
    if letter.order_no:
        app = ["--app", letter.app] if letter.app else []
        order = ["--", letter.order_no] if letter.order_no.startswith("-") else [letter.order_no]
        steps.append(("see what the books hold", command("payments", "show", *app, *order)))
    if letter.reason not in _FINAL:
        steps.append(("try again", command("dead-letters", "retry", letter.id)))
    steps.append(("end it", command("dead-letters", "discard", letter.id)))
    return steps


def _write_sides(evidence: Mapping[str, Any]) -> None:
    sides = {name: evidence[name] for name in _SIDES if isinstance(evidence.get(name), dict)}
    if not sides:
        return
    names = list(dict.fromkeys(name for side in sides.values() for name in side))
    rows = []
    for name in names:
        values = [side.get(name) for side in sides.values()]
        stated = [side[name] for side in sides.values() if name in side]
        differ = any(value != stated[0] for value in stated[1:])
        rows.append((name, *values, "differs" if differ else ""))
    write("")
    write_table(["", *(_SIDE_HEADINGS[name] for name in sides), ""], rows)
