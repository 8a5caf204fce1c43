"""Logging to standard error: text for people or JSON for machines."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: Replaced in messages: names that clients choose must not start a new line.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@contextmanager
def configure_logging(level: str, format: str) -> Iterator[None]:
    """Log everything from this level on while the context is open."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    # Its debug level logs every statement with its parameters.
    logging.getLogger("aiosqlite").setLevel("INFO")
    # Its warnings are about headers of clients.
    logging.getLogger("aiohttp.websocket").setLevel("ERROR")
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


class TextFormatter(logging.Formatter):
    """Formats time (UTC), level, logger and message; a traceback follows on its own lines."""

    def format(self, record: logging.LogRecord) -> str:
        message = CONTROL_CHARACTERS.sub(" ", record.getMessage())
        line = f"{format_time(record)} {record.levelname.lower()} {record.name}: {message}"
        return "\n".join((line, *_cause(self, record)))


class JsonFormatter(logging.Formatter):
    """Formats each record as one JSON object on one line."""

    def format(self, record: logging.LogRecord) -> str:
        row = {
            "at": format_time(record),
            "level": record.levelname.lower(),
            "where": record.name,
            "said": record.getMessage(),
        }
        for cause in _cause(self, record):
            row["cause"] = cause
        return json.dumps(row)


def format_time(record: logging.LogRecord) -> str:
    """Return the time of a record in ISO 8601, to the millisecond."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{at}.{int(record.msecs):03d}Z"


def _cause(formatter: logging.Formatter, record: logging.LogRecord) -> tuple[str, ...]:
    if not record.exc_info or record.exc_info[1] is None:
        return ()
    return (formatter.formatException(record.exc_info),)
