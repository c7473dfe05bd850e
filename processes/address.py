"""The address to call a process by, where it listens on all."""


def address(host: str, port: int) -> str:
    """How to call what listens there: an address to listen on need not be one to call."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
