"""Samples are recorded by commands and deleted by housekeeping."""

import asyncio

from coalserver.core.commands.samples import record_samples
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.samples import MINUTE, Sample, Tally
from coalserver.services.housekeeping import RETENTION_INTERVAL, Housekeeping, RetentionPolicy
from coalserver.storage.memory import MemoryStore


class Clocks:
    """A wall clock and a monotonic clock."""

    def __init__(self) -> None:
        self.wall = 1_700_000_000.0
        self.steady = 50.0

    def advance(self, seconds: float) -> None:
        self.wall += seconds
        self.steady += seconds


async def test_old_samples_are_deleted_once_an_hour_unless_the_clock_is_in_doubt() -> None:
    clocks = Clocks()
    context = CoreContext(lambda: clocks.wall, monotonic=lambda: clocks.steady)
    core = await Core.recover(MemoryStore(), context)
    writing = asyncio.create_task(core.writer.run())
    housekeeping = Housekeeping(core, RetentionPolicy())
    sample = Sample("world 1", clocks.wall, {"players": Tally.of(3)})
    await core.execute(record_samples, samples=[sample])

    async def count() -> int:
        return len(await core.history.samples("world 1", MINUTE, 0, 1e11, 9))

    clocks.advance(RETENTION_INTERVAL)
    await housekeeping.run_once()
    assert await count() == 1
    # A step of the wall clock by itself is not believed at once.
    clocks.wall += 50 * 3600
    clocks.advance(1)
    await housekeeping.run_once()
    assert await count() == 1
    for _ in range(3):
        clocks.advance(RETENTION_INTERVAL)
        await housekeeping.run_once()
    assert await count() == 0
    assert len(await core.history.samples("world 1", 900, 0, 1e11, 9)) == 1
    core.writer.close()
    await writing
