"""Sets up the log of every process: structlog to stderr, JSON in production and coloured in a terminal.

Nothing secret may reach a log: `NEVER_LOGGED` is the one list of what is never printed.
"""

import json
import logging
import sys
from collections.abc import MutableMapping
from typing import Any

import msgspec
import structlog

# Keys and signatures; whole bodies and Ping++ objects, which hold buyers' accounts and scan codes.
NEVER_LOGGED = frozenset(
    {
        "api_key", "authorization", "body", "buyer_account", "buyer_user_id", "charge", "client_ip", "credential",
        "data", "extra", "headers", "metadata", "object", "open_id", "password", "private_key", "raw", "redis_url",
        "scan_code", "signature", "token",
    }
)  # fmt: skip


def configure(process: str, log_format: str | None, level: str) -> None:
    """Set up structlog, and the standard library's logging behind it, for this process.

    `process` is the name in each line. `log_format` is `json`, `console` or None (`console` in a terminal).
    """
    console = log_format == "console" or (log_format is None and sys.stderr.isatty())
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="%H:%M:%S" if console else "iso", utc=not console),
        _withhold,
    ]
    renderer: structlog.typing.Processor = (
        structlog.dev.ConsoleRenderer(
            pad_event_to=0, sort_keys=False, exception_formatter=structlog.dev.plain_traceback
        )
        if console
        else structlog.processors.JSONRenderer(serializer=_json)
    )
    last = [renderer] if console else [structlog.processors.format_exc_info, renderer]
    structlog.configure(
        processors=[*shared, *last],
        wrapper_class=structlog.make_filtering_bound_logger(getattr(logging, level.upper())),
        logger_factory=structlog.WriteLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    structlog.contextvars.bind_contextvars(process=process)
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last],
        )
    )
    logging.basicConfig(handlers=[handler], level=level.upper(), force=True)
    for chatty in ("httpx", "httpcore", "rq", "rq.worker"):
        logging.getLogger(chatty).setLevel(logging.WARNING)  # httpx logs whole addresses, RQ each job


_encoder = msgspec.json.Encoder(enc_hook=repr)


def _json(line: Any, **_: Any) -> str:
    try:
        return _encoder.encode(line).decode()
    except ValueError:  # a lone surrogate
        return json.dumps(line, default=repr)


def _withhold(_logger: Any, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if NEVER_LOGGED.isdisjoint(line):
        return line
    for name in NEVER_LOGGED & line.keys():
        line[name] = "(withheld)"
    return line
