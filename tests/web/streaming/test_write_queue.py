"""The write queue: groups of clients are written to in turns, and checks come before all writes."""

import time

import pytest

from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.storage.memory import MemoryStore
from coalserver.web.context import AppContext
from coalserver.web.streaming.write_queue import WriteQueue


class SampleWriter:
    """A writer with a number of portions, which it notes."""

    def __init__(self, name: str, portions: int, notes: list[str]) -> None:
        self.name, self.left, self.notes = name, portions, notes

    def write_some(self) -> bool:
        self.left -= 1
        self.notes.append(self.name)
        return self.left > 0

    def fail(self, error: Exception) -> None:
        raise error


@pytest.fixture
async def queue() -> WriteQueue:
    core = await Core.recover(MemoryStore(), CoreContext(time.time))
    return AppContext(core).per_process(WriteQueue)


async def test_writers_take_turns(queue: WriteQueue) -> None:
    notes: list[str] = []
    for name, portions in ("a", 3), ("b", 2):
        queue.start(SampleWriter(name, portions, notes))
    assert notes == ["a"]
    await queue.finish()
    assert notes == ["a", "a", "b", "a", "b"]


async def test_nothing_is_written_before_the_checks_have_finished(queue: WriteQueue) -> None:
    notes: list[str] = []
    queue.start(SampleWriter("a", 3, notes))
    queue.add_first(SampleWriter("check", 3, notes))
    queue.start(SampleWriter("b", 1, notes))
    await queue.finish()
    assert notes == ["a", "check", "check", "check", "a", "b", "a"]


async def test_empty_queue_has_nothing_to_finish(queue: WriteQueue) -> None:
    await queue.finish()
    notes: list[str] = []
    queue.start(SampleWriter("a", 1, notes))
    await queue.finish()
    assert notes == ["a"]
