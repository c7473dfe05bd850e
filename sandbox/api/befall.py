"""Answers a call to the gateway in the way that a test or chaos wants: refused, late, not at all."""

import asyncio
import contextlib
from collections.abc import Callable
from typing import assert_never

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from sandbox.api.unanswered import NoAnswer, wait
from sandbox.fate import Fate
from sandbox.objects import charges
from sandbox.refusals import Object, Problem, json
from sandbox.world import World

_STATUS = {"refuse": 402, "error": 500, "error_after": 502}
_TYPES = {402: "channel_error", 403: "api_error", 429: "api_error"}


async def befall(world: World, fate: Fate, request: Request, carry_out: Callable[[], Response]) -> Response:
    """The answer to the call. `carry_out` does what the call asks for, and returns its answer or refusal."""
    match fate.do:
        case "lose_request" | "hang":
            return NoAnswer(fate.seconds)
        case "lose_answer":
            carry_out()
            return NoAnswer(fate.seconds)
        case "delay":
            # Carried out at its time, whether or not the caller still waits for it.
            await asyncio.sleep(fate.seconds)
            return carry_out()
        case "refuse" | "error":
            answer = _refusal(fate)
        case "error_after":
            carry_out()
            answer = _refusal(fate)
        case "pay_before":
            _pay(world, request.path_params.get("id"))
            answer = carry_out()
        case "pay_after":
            answer = carry_out()
            _pay(world, request.path_params.get("id") or _charge_in(answer))
        case "delay_answer":
            answer = carry_out()
        case _:
            assert_never(fate.do)
    await wait(request.receive, fate.seconds)
    return answer


def _refusal(fate: Fate) -> Response:
    status = fate.status or _STATUS[fate.do]
    error: Object = {
        "type": _TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error"),
        "message": "沙箱奉命出错 (the sandbox was told to answer so)",
    }
    if status == 402:
        error["code"] = "channel_request_error"
    return json({"error": error | fate.error}, status)


def _pay(world: World, charge_id: str | None) -> None:
    """The customer pays during the merchant's call, if the charge can still be paid."""
    if charge_id is not None:
        with contextlib.suppress(Problem):
            charges.pay(world, charge_id)
        world.store.commit()


def _charge_in(answer: Response) -> str | None:
    """The id of the charge that a create has just made."""
    made = msgspec.json.decode(bytes(answer.body)) if answer.body else None
    id_ = made.get("id") if isinstance(made, dict) and made.get("object") == "charge" else None
    return id_ if isinstance(id_, str) else None
