"""The command `smoke`: sends one payment through everything and says how long each step took."""

import contextlib
from typing import Any

from ops.cli.answers import AsJson, fail, say, write, write_json, write_table
from ops.cli.books import DataDir, opened
from ops.cli.one_payment import Sent, Step, observe, send
from ops.cli.sandbox_control import NoSandbox, SandboxRefused, find
from ops.cli.why_not import what_to_look_at
from ops.settings import CommandSettings, settings_for
from ops.up.own_system import NotStarted, own_system
from ops.up.running import running
from processes import redis_server

WITHIN_S = 15.0


def smoke(as_json: AsJson = False, data_dir: DataDir = None) -> None:
    """Send one payment through everything, and say how long each step took.

    It goes through the running system. If none runs, one is started for it and stopped again.
    """
    settings = settings_for(data_dir)
    with contextlib.ExitStack() as held:
        own = not _is_running(settings)
        if own:
            say(
                "No system is running here: starting one for this payment, with ports and data of its own ..."
            )
            try:
                settings = held.enter_context(own_system(settings))
            except NotStarted as error:
                fail(str(error))
            # The first payment after a start is slower, and the start is not to be measured.
            _run(settings)
        sent, steps = _run(settings)
        missing = next((step for step in steps if step.at_ms is None), None)
        look_at = what_to_look_at(settings, sent, missing.key) if missing else []
    document = _document(sent, steps, look_at, own=own)
    if as_json:
        write_json(document)
    else:
        _write(sent, steps)
    if missing:
        fail(
            f"After {WITHIN_S:g} s this had not happened: {missing.name}.\n"
            + "\n".join(f"- {one}" for one in look_at)
        )
    say(f"One payment went through everything in {document['total_ms']:g} ms.")


def _run(settings: CommandSettings) -> tuple[Sent, list[Step]]:
    url = find(settings)
    with opened(None, settings) as books:
        try:
            sent = send(books, url)
        except NoSandbox as error:
            fail(str(error), status=2)
        except SandboxRefused as error:
            fail(f"The sandbox refuses to make a payment: {error}.")
        return sent, observe(books, sent, WITHIN_S)


def _is_running(settings: CommandSettings) -> bool:
    # Processes that were started one by one (Procfile.dev) are a running system too.
    return (
        running(settings.data_dir) is not None
        or settings.redis_url is not None
        or redis_server.answers(settings.data_dir)
    )


def _document(sent: Sent, steps: list[Step], look_at: list[str], *, own: bool) -> dict[str, Any]:
    ended = [step.at_ms for step in steps if step.at_ms is not None]
    return {
        "ok": len(ended) == len(steps),
        "event_id": sent.event_id,
        "charge_id": sent.charge_id,
        "order_no": sent.order_no,
        "steps": [
            {"step": step.key, "what": step.name, "ok": step.at_ms is not None, "ms": step.ms, "at_ms": step.at_ms}
            for step in steps
        ],
        "total_ms": max(ended, default=0.0),
        "own_system": own,
        "look_at": look_at,
    }  # fmt: skip


def _write(sent: Sent, steps: list[Step]) -> None:
    write(f"Order {sent.order_no}, charge {sent.charge_id}, event {sent.event_id}")
    write_table(
        ["step", "took ms", "since start"],
        [
            (
                step.name,
                *(("not seen", "") if step.at_ms is None else (f"{step.ms:.1f}", f"{step.at_ms:.1f}")),
            )
            for step in steps
        ],
        right=["took ms", "since start"],
    )
