"""An order as a value: what is carried out, what it is asked with, and how its answer reads."""

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coalserver.domain.text import printable


def printable_line(value: str) -> str:
    """One line that can be shown."""
    if len(value) > 100 or printable(value) != value:
        raise argparse.ArgumentTypeError("at most 100 characters, none of them invisible")
    return value


def absolute_path(value: str) -> str:
    """A path that means the same to a server that runs elsewhere."""
    return str(Path(value).expanduser().absolute())


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, as `ArgumentParser.add_argument` takes it."""

    names: tuple[str, ...]
    options: Mapping[str, Any]


def argument(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


@dataclass(frozen=True, slots=True)
class CliCommand:
    """What is carried out, what it is asked with, and how its answer reads."""

    run: Callable[..., Awaitable[Any]]
    format: Callable[[Any], str]
    arguments: tuple[Argument, ...] = ()
    #: May begin a data directory; other orders refuse where there is none.
    creates_data: bool = False


def format_time(at: float) -> str:
    """A time as it is shown: UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def format_fields(fields: Mapping[str, Any]) -> str:
    """One fact a line, the names in a column."""
    width = max(map(len, fields)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in fields.items())


def format_table(rows: list[Mapping[str, Any]], none: str) -> str:
    """One row a line under the names of its facts, or a sentence where there is none."""
    if not rows:
        return none
    cells = [list(rows[0]), *([_format_value(value) for value in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(f"{fact:<{width}}" for fact, width in zip(row, widths, strict=True)).rstrip()
        for row in cells
    )


def _format_value(value: Any) -> str:
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
