"""What is shown of a dead letter in the CLI and the API: no buyers' data, and the body only where it is asked
for.
"""

import base64
from typing import Any

from payments.dead_letters.letters import DeadLetter
from payments.times import at_ms


def shown(letter: DeadLetter) -> dict[str, Any]:
    """A dead letter as JSON, without the webhook's body. Times are RFC 3339 in UTC."""
    return {
        "id": letter.id,
        "kind": letter.kind,
        "reason": letter.reason,
        "explanation": letter.explanation,
        "member": letter.member,
        "due_set": letter.due_set,
        "event_id": letter.event_id or None,
        "charge_id": letter.charge_id or None,
        "order_no": letter.order_no or None,
        "app": letter.app or None,
        "first_at": at_ms(letter.first_ms),
        "last_at": at_ms(letter.last_ms),
        "count": letter.count,
        "attempts": letter.attempts,
        "last_error": letter.last_error or None,
    }


def raw_json(body: bytes | None) -> dict[str, str | None]:
    """The body of a webhook as JSON: as text, or in base64 where it is not UTF-8."""
    try:
        return {"raw": None if body is None else body.decode()}
    except UnicodeDecodeError:
        return {"raw": None, "raw_base64": base64.b64encode(body or b"").decode()}
