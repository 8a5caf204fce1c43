"""Stores that do at will what a disk does by chance: let one wait, and fail. And a clock."""

import asyncio
import random

from coalserver.core.ports import Batch, Known
from coalserver.storage.memory import MemoryStore


class Clock:
    """Time as a test sets it."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class DoorStore(MemoryStore):
    """Writes wait at a door, which stands open until it is shut, and may find the disk broken.

    With `late`, they wait after everything is on disk.
    """

    def __init__(self) -> None:
        super().__init__()
        self.batches: list[Batch] = []
        #: What the next write meets.
        self.fault: OSError | None = None
        self.late = False
        self._door = asyncio.Event()
        self._door.set()

    def shut_door(self) -> None:
        self._door.clear()

    def open_door(self) -> None:
        self._door.set()

    async def write(self, batch: Batch) -> None:
        self.batches.append(batch)
        if self.late:
            await super().write(batch)
        await self._door.wait()
        if self.fault is not None:
            raise self.fault
        if not self.late:
            await super().write(batch)


class SleepyStore(MemoryStore):
    """Before and after everything it does, others come first for a while."""

    def __init__(self, chance: random.Random) -> None:
        super().__init__()
        self._chance = chance

    async def open(self) -> Known:
        await self._doze()
        return await super().open()

    async def write(self, batch: Batch) -> None:
        await self._doze()
        await super().write(batch)
        await self._doze()

    async def entries(self, *asked):  # type: ignore[no-untyped-def]
        await self._doze()
        found = await super().entries(*asked)
        await self._doze()
        return found

    async def _doze(self) -> None:
        for _ in range(self._chance.randrange(8)):
            await asyncio.sleep(0)


async def turns(count: int = 20) -> None:
    """Let everyone else come to where they wait."""
    for _ in range(count):
        await asyncio.sleep(0)
