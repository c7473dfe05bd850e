"""uvicorn's HTTP, for a server that can also say nothing."""

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sandbox.api.unanswered import EXTENSION


class Protocol(HttpToolsProtocol):
    """Tells the app how to close the connection: ASGI itself has no word for an answer that never comes."""

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.scope["extensions"] = {EXTENSION: {"now": self.transport.abort}}
