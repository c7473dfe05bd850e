"""The address at which a process can be called that listens on all addresses."""


def address(host: str, port: int) -> str:
    """The URL of a server that listens on `host` (perhaps `0.0.0.0` or `::`, which cannot be called) and
    `port`.
    """
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  nothing is bound here
    return f"http://{f'[{host}]' if ':' in host else host}:{port}"
