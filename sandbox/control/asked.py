"""Reads what a control call asks for."""

from collections.abc import Mapping
from typing import TypeVar

import msgspec
from starlette.requests import Request

from sandbox.refusals import Problem
from sandbox.world import World

T = TypeVar("T")


def world_of(request: Request) -> World:
    world: World = request.app.state.world
    return world


async def read(request: Request, kind: type[T]) -> T:
    """The body as the type that it must have. An empty body counts as `{}`. Raises Problem."""
    body = await request.body()
    try:
        return msgspec.json.decode(body if body.strip() else b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Problem(400, "invalid", str(error)) from error


def limit(query: Mapping[str, str], default: int, most: int) -> int:
    value = query.get("limit", str(default))
    if not (value.isascii() and value.isdigit() and len(value) < 10 and 1 <= int(value) <= most):
        raise Problem(400, "invalid", f"limit must be a number from 1 to {most}.")
    return int(value)
