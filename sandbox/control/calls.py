"""Control calls about what goes wrong: fates of calls to the gateway, and chaos."""

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from sandbox.chaos import Chaos
from sandbox.control.asked import read, world_of
from sandbox.fate import Fate
from sandbox.refusals import json
from sandbox.world import World


async def list_next(request: Request) -> Response:
    return _waiting(world_of(request))


async def add_next(request: Request) -> Response:
    world = world_of(request)
    world.fates.add(await read(request, Fate))
    return _waiting(world, 201)


async def forget_next(request: Request) -> Response:
    world_of(request).fates.forget()
    return Response(status_code=204)


async def get_chaos(request: Request) -> Response:
    return json(world_of(request).lots.chaos)


async def put_chaos(request: Request) -> Response:
    lots = world_of(request).lots
    lots.set(await read(request, Chaos))
    return json(lots.chaos)


def _waiting(world: World, status: int = 200) -> Response:
    return json({"next": world.fates.waiting()}, status)


ROUTES: list[BaseRoute] = [
    Route("/sandbox/next", list_next),
    Route("/sandbox/next", add_next, methods=["POST"]),
    Route("/sandbox/next", forget_next, methods=["DELETE"]),
    Route("/sandbox/chaos", get_chaos),
    Route("/sandbox/chaos", put_chaos, methods=["PUT"]),
]
