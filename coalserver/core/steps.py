"""Queries in steps: those over many entities, which yield so that other requests run in between.

Such a query is a generator. It yields the work of each step, in microseconds or so, and returns its result. What it
reads between two steps may change: it says what it promises then.
"""

import asyncio
from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from coalserver.domain.steps import Steps, complete

__all__ = [
    "MAX_WORK",
    "ROW_WORK",
    "Steps",
    "complete",
    "complete_in_turns",
    "describe_in_turns",
    "portions",
]

T = TypeVar("T")
V = TypeVar("V")

#: The work of describing one entity, roughly.
ROW_WORK = 10
#: Work after which other requests run. A step does at most about half of it.
MAX_WORK = 1000


def portions(items: Iterable[V], work_of: Callable[[V], int], max_work: int) -> Iterator[list[V]]:
    """Yield items in portions for one command each: those that are more work than a command does alone."""
    portion: list[V] = []
    total = 0
    for item in items:
        work = work_of(item)
        if portion and total + work > max_work:
            yield portion
            portion, total = [], 0
        portion.append(item)
        total += work
    if portion:
        yield portion


async def complete_in_turns(steps: Steps[T]) -> T:
    """Run all steps and return the result; other requests run whenever MAX_WORK is done."""
    work = 0
    try:
        while True:
            work += next(steps)
            if work >= MAX_WORK:
                work = 0
                await asyncio.sleep(0)
    except StopIteration as end:
        result: T = end.value
        return result


async def describe_in_turns(entities: Iterable[V], describe: Callable[[V], T]) -> list[T]:
    """Return the descriptions of entities; other requests run in between. Entities may be read as they are needed."""

    def steps() -> Steps[list[T]]:
        found = []
        for entity in entities:
            found.append(describe(entity))
            yield ROW_WORK
        return found

    return await complete_in_turns(steps())
