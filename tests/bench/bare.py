"""Baselines of the receiver: an ordinary Starlette endpoint that only reads the body, and one that verifies too.

`python -m tests.bench.bare PORT [PUBLIC_KEY_FILE]`; with a key file it verifies.
"""

import sys
from pathlib import Path

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.bench.server import Verifier, serve


async def read(request: Request) -> Response:
    """Reads the body, and nothing else."""
    await request.body()
    return Response()


def verifying(verifier: Verifier) -> Starlette:
    """Reads the body and verifies it."""

    async def read_and_verify(request: Request) -> Response:
        body = await request.body()
        return Response(status_code=200 if verifier.genuine(request, body) else 401)

    return Starlette(routes=[Route("/webhooks", read_and_verify, methods=["POST"])])


def main(port: int, public_key_file: str | None) -> None:
    """Serve until SIGTERM."""
    if public_key_file:
        app = verifying(Verifier(Path(public_key_file).read_bytes()))
    else:
        app = Starlette(routes=[Route("/webhooks", read, methods=["POST"])])
    serve(app, port)


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)
