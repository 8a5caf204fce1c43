"""An order as a value: what is carried out, what it is asked with, and how its answer reads."""

import argparse
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from coalserver.web.schemas import printable


def text(given: str) -> str:
    """One line that can be shown."""
    if len(given) > 100 or printable(given) != given:
        raise argparse.ArgumentTypeError("at most 100 characters, none of them invisible")
    return given


def absolute(given: str) -> str:
    """A path that means the same to a server that runs elsewhere."""
    return str(Path(given).expanduser().absolute())


@dataclass(frozen=True, slots=True)
class Argument:
    """One argument, as `ArgumentParser.add_argument` takes it."""

    names: tuple[str, ...]
    options: Mapping[str, Any]


def argument(*names: str, **options: Any) -> Argument:
    return Argument(names, options)


@dataclass(frozen=True, slots=True)
class Order:
    """What is carried out, what it is asked with, and how its answer reads."""

    run: Callable[..., Awaitable[Any]]
    told: Callable[[Any], str]
    arguments: tuple[Argument, ...] = ()
    #: May begin a data directory; other orders refuse where there is none.
    begins: bool = False


def when(at: float) -> str:
    """A time as it is shown: UTC, to the second."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def lines(answer: Mapping[str, Any]) -> str:
    """One fact a line, the names in a column."""
    width = max(map(len, answer)) + 2
    return "\n".join(f"{name:<{width}}{value}" for name, value in answer.items())


def table(rows: list[Mapping[str, Any]], none: str) -> str:
    """One row a line under the names of its facts, or a sentence where there is none."""
    if not rows:
        return none
    shown = [list(rows[0]), *([_word(fact) for fact in row.values()] for row in rows)]
    widths = [max(map(len, column)) for column in zip(*shown, strict=True)]
    return "\n".join(
        "  ".join(f"{fact:<{width}}" for fact, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    )


def _word(fact: Any) -> str:
    return {True: "yes", False: "no"}[fact] if isinstance(fact, bool) else str(fact)
