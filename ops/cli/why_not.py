"""Says what to look at when a payment does not arrive."""

import contextlib

from ops.cli.answers import command
from ops.cli.books import Books, opened
from ops.cli.one_payment import Sent
from ops.cli.sandbox_control import NoSandbox, SandboxRefused, ask, find
from ops.settings import CommandSettings
from ops.up.running import running
from payments import due
from payments.inbox.seen import look_up
from payments.keys import EVENTS


def what_to_look_at(settings: CommandSettings, sent: Sent, step: str) -> list[str]:
    """Hints for a person, line by line. `step` is the key of the first step that did not happen."""
    if step == "webhook":
        return _of_the_door(settings, sent)
    with opened(None, settings) as books:
        if step == "message":
            return _of_the_worker(books, sent)
    return [f"What the books hold: {command('payments', 'show', sent.order_no)}"]


def _of_the_door(settings: CommandSettings, sent: Sent) -> list[str]:
    said = []
    with contextlib.suppress(NoSandbox, SandboxRefused):
        answer = ask(find(settings), "GET", f"/sandbox/deliveries?event_id={sent.event_id}&limit=1")
        tries = answer.get("deliveries") or []
        if not tries:
            said.append("The sandbox has not tried to send it yet; its log says why.")
        else:
            last = tries[0]
            how = f"answered {last['status']}" if last.get("status") else str(last.get("error"))
            said.append(f"The sandbox sent it, try {last.get('attempt')}: {how}.")
    up = running(settings.data_dir)
    ready = f"{up.receiver_url}/readyz" if up else "/readyz on the receiver's port"
    said.append(f"401: does the receiver have the sandbox's key? 500: what does {ready} say?")
    said.append("Else: SANDBOX_WEBHOOK_URL, KEY_PREFIX and the receiver's log.")
    return said


def _of_the_worker(books: Books, sent: Sent) -> list[str]:
    one = next(look_up(books.store, [sent.member]))
    waiting = due.waiting(books.store, EVENTS)
    if one.letter:
        return [f"It is a dead letter: {command('dead-letters', 'show', one.letter)}"]
    if one.state == "asked":
        return [f"It is odd ({one.odd}), so Ping++ is being asked. The worker's log says what it answers."]
    if one.state == "pending":
        tried = f"; tried {one.attempts} times, last error: {one.last_error}" if one.attempts else ""
        return [
            f"It waits to be applied, as do {waiting - 1} others{tried}.",
            "Do the worker and the scheduler run, with the same REDIS_URL and KEY_PREFIX? See their logs.",
        ]
    return [
        "It is done without a message of its own: it may have been kept aside, as an event of another app or mode.",
        "Does PINGPP_APP_IDS name the sandbox's app, and is PINGPP_API_KEY a key of test mode?",
        f"What became of it: {command('events', 'show', sent.event_id)}",
    ]
