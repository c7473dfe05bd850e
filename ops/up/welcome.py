"""Writes what `up` says once everything works."""

import sys
from pathlib import Path

from ops.up.running import Up
from ops.up.settings import UpSettings
from processes.redis import address_file


def _embedded_url(settings: UpSettings) -> str:
    try:
        return address_file(settings.data_dir).read_text(encoding="ascii").strip()
    except OSError:  # the embedded Redis was killed just now; it comes back at the same address
        return str(settings.data_dir / "redis")


def welcome(up: Up, settings: UpSettings, took: float) -> str:
    """The text to print: the addresses, and what to do next. `took`: seconds from the start."""
    redis = "set by REDIS_URL" if settings.redis_url else f"{_embedded_url(settings)}  (embedded)"
    command = Path(sys.argv[0])
    pingpp_ingest = ".venv/bin/pingpp-ingest" if command.name == "pingpp-ingest" else "pingpp-ingest"
    lines = [
        "",
        f"Ready after {took:.1f} s. Ctrl-C stops everything; the data stays.",
        "",
        *(_sandbox_said(up.sandbox_url) if up.sandbox_url else []),
        f"  webhooks   {up.receiver_url}/webhooks",
        f"  payments   {up.receiver_url}/payments  ({_token_said(up, settings)})",
        f"  Redis      {redis}",
        "",
        "In a second terminal:",
        "",
        *(
            [f"  {pingpp_ingest} trigger charge.succeeded         a payment comes in"]
            if up.sandbox_url
            else []
        ),
        f"  {pingpp_ingest} fulfilment tail --from-start     what your services would be told",
        f"  {pingpp_ingest} dead-letters list                what waits for a person",
        "",
    ]
    return "\n".join(lines)


def _sandbox_said(url: str) -> list[str]:
    return [
        f"  shop       {url}/shop/  (buy something)",
        f"  sandbox    {url}/sandbox/  (a Ping++ of your own: pay for it)",
    ]


def _token_said(up: Up, settings: UpSettings) -> str:
    if settings.merchant_api_tokens is not None:
        return "bearer token: MERCHANT_API_TOKENS"
    if up.sandbox_url is None:
        return "not served: MERCHANT_API_TOKENS is not set"
    return f"bearer token in {settings.data_dir / 'keys' / 'merchant_api_token'}"
