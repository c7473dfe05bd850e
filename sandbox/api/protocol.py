"""uvicorn's HTTP protocol, for a server that can also close a connection without an answer."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.api.unanswered import EXTENSION


class Protocol(HttpToolsProtocol):
    """Gives the app a function that closes the connection: ASGI itself has no way to leave a call unanswered."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"now": self.transport.abort}}
