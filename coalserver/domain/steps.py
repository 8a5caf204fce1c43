"""Work in steps: generators that yield the work of each step, in microseconds or so, and return their result.

Other requests run between two steps, see `core/steps`.
"""

from collections.abc import Generator
from typing import TypeVar

T = TypeVar("T")

Steps = Generator[int, None, T]


def complete(steps: Steps[T]) -> T:
    """Run all steps at once and return the result: for short work, programs without other requests, and tests."""
    while True:
        try:
            next(steps)
        except StopIteration as end:
            result: T = end.value
            return result
