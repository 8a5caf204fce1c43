"""Stores that block, delay or fail on request, and a manual clock."""

import asyncio
import random

from coalserver.core.ports import Batch, StoredState
from coalserver.storage.memory import MemoryStore


class Clock:
    """A clock that tests set."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class BlockingStore(MemoryStore):
    """A store whose writes can be blocked and can fail.

    With `late`, writes block after the data is on disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        #: Raised by the next write.
        self.error: OSError | None = None
        self.late = False
        self._unblocked = asyncio.Event()
        self._unblocked.set()

    def block_writes(self) -> None:
        self._unblocked.clear()

    def unblock_writes(self) -> None:
        self._unblocked.set()

    async def write(self, batch: Batch) -> None:
        self.batches.append(batch)
        if self.late:
            await super().write(batch)
        await self._unblocked.wait()
        if self.error is not None:
            raise self.error
        if not self.late:
            await super().write(batch)


class DelayingStore(MemoryStore):
    """A store that yields to other tasks a random number of times around each operation."""

    def __init__(self, rng: random.Random) -> None:
        super().__init__()
        self._rng = rng

    async def open(self) -> StoredState:
        await self._delay()
        return await super().open()

    async def write(self, batch: Batch) -> None:
        await self._delay()
        await super().write(batch)
        await self._delay()

    async def entries(self, *args):  # type: ignore[no-untyped-def]
        await self._delay()
        found = await super().entries(*args)
        await self._delay()
        return found

    async def _delay(self) -> None:
        for _ in range(self._rng.randrange(8)):
            await asyncio.sleep(0)


async def let_others_run(count: int = 20) -> None:
    """Yield until the other tasks wait."""
    for _ in range(count):
        await asyncio.sleep(0)
