"""Output of commands: tables and fields for people, JSON documents, errors."""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TextIO


class OutputError(Exception):
    """Standard output cannot be written; the message says why."""


class OutputClosed(OutputError):
    """The reader of standard output has closed it."""


def print_result(result: Any, text: str, as_json: bool) -> None:
    """Print the result as a JSON document, or the text for people. Raises OutputError, OutputClosed."""
    print_text(json.dumps(result, indent=2) if as_json else text)


def print_text(text: str) -> None:
    """Print a text for people, or a document. Raises OutputError, OutputClosed."""
    try:
        print(text, flush=True)
    except OSError as error:
        _discard(sys.stdout)
        message = f"The output cannot be written: {error.strerror}."
        raise (OutputClosed if isinstance(error, BrokenPipeError) else OutputError)(
            message
        ) from error


def print_error(message: str, status: int, as_json: bool, code: str | None = None) -> int:
    """Print an error and return the exit status, also where nobody reads the error.

    People read it on standard error; with --json it is a document on standard output. Raises OutputError if that
    cannot be written.
    """
    if as_json:
        document = {"error": message} if code is None else {"error": message, "why": code}
        with suppress(OutputClosed):
            print_result(document, "", as_json=True)
        return status
    try:
        print(f"coalserver: {message}", file=sys.stderr, flush=True)
    except OSError:
        _discard(sys.stderr)
    return status


def _discard(stream: TextIO) -> None:
    """Let what is left in the buffer of a stream go nowhere: flushing it at exit would fail again."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def format_time(at: float) -> str:
    """Return a time in ISO 8601: UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def format_fields(fields: Mapping[str, Any]) -> str:
    """Return one line for each field: name and value in columns."""
    width = max(map(len, fields)) + 2
    return "\n".join(f"{name:<{width}}{_format_value(value)}" for name, value in fields.items())


def format_table(rows: Sequence[Mapping[str, Any]], if_empty: str) -> str:
    """Return a header and one line for each row, or `if_empty` without rows."""
    if not rows:
        return if_empty
    cells = [list(rows[0]), *([_format_value(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _format_value(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
