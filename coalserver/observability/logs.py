"""How the log is written: lines for people or JSON for machines, always to standard error."""

import json
import logging
import re
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: A line of the log is one line, whatever a client called itself.
CONTROL_CHARACTERS = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


@contextmanager
def configure_logging(level: str, format: str) -> Iterator[None]:
    """Meanwhile everything from this level on goes to standard error."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    before = root.level
    root.addHandler(handler)
    root.setLevel(level.upper())
    # At its debug level it tells every statement, with what is in it.
    logging.getLogger("aiosqlite").setLevel("INFO")
    try:
        yield
    finally:
        root.setLevel(before)
        root.removeHandler(handler)


class TextFormatter(logging.Formatter):
    """Time in UTC, level, where, and what; a cause follows on lines of its own."""

    def format(self, record: logging.LogRecord) -> str:
        message = CONTROL_CHARACTERS.sub(" ", record.getMessage())
        line = f"{format_time(record)} {record.levelname.lower()} {record.name}: {message}"
        return "\n".join((line, *_cause(self, record)))


class JsonFormatter(logging.Formatter):
    """One object a line."""

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
    """When it was said, to the millisecond."""
    at = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{at}.{int(record.msecs):03d}Z"


def _cause(formatter: logging.Formatter, record: logging.LogRecord) -> tuple[str, ...]:
    if not record.exc_info or record.exc_info[1] is None:
        return ()
    return (formatter.formatException(record.exc_info),)
