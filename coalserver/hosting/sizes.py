"""Sizes of hosted worlds, measured now and then; a world above `world_limit` is reported (hosting.md, 10)."""

import asyncio
import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from coalserver.hosting.context import HostingContext
from coalserver.hosting.disk import FolderSize, measure
from coalserver.hosting.low_priority import Progress, run_in_background
from coalserver.hosting.machine import MIB
from coalserver.hosting.world_files import WorldFiles
from coalserver.hosting.world_task import WorldTask

log = logging.getLogger(__name__)

#: The worlds are measured so long after the start, and then this often.
FIRST_SECONDS, INTERVAL_SECONDS = 300.0, 6 * 3600.0
#: Between two warnings about one world.
WARNING_SECONDS = 86_400.0
GIB = 1 << 30


class WorldSizes:
    """Measures all hosted worlds, one after another, at low priority. `worlds` are their tasks, by id."""

    def __init__(self, context: HostingContext, worlds: Mapping[int, WorldTask]) -> None:
        self._context, self._worlds = context, worlds
        self._sizes: dict[int, int] = {}
        #: World id -> when it was last warned of, by the monotonic clock.
        self._warned: dict[int, float] = {}

    def excess(self, world_id: int) -> int | None:
        """Return the bytes of a world that is larger than worlds may be, else None."""
        size = self._sizes.get(world_id, 0)
        return size if size > self._context.settings.world_limit * MIB else None

    async def run(self) -> None:
        """Measure until cancelled."""
        await asyncio.sleep(FIRST_SECONDS)
        while True:
            await self.measure_all()
            await asyncio.sleep(INTERVAL_SECONDS)

    async def measure_all(self) -> None:
        """Measure all worlds once, and warn of those that are too large, of each once a day."""
        for world_id in [*self._worlds]:
            folder = WorldFiles(self._context.options.folder, world_id).server
            found = await run_in_background(partial(_measure, folder))
            self._sizes[world_id] = found.bytes
            size, now = self.excess(world_id), asyncio.get_running_loop().time()
            if size is None:
                continue
            warned_at = self._warned.get(world_id)
            if warned_at is None or now - warned_at >= WARNING_SECONDS:
                self._warned[world_id] = now
                limit = self._context.settings.world_limit * MIB / GIB
                log.warning(
                    "World %d has %.1f GiB, more than the %.1f GiB that a world may have",
                    *(world_id, size / GIB, limit),
                )


def _measure(folder: Path, progress: Progress) -> FolderSize:
    return measure(folder, progress.check)
