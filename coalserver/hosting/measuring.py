"""Measures all hosted worlds every ten seconds, and keeps the figures of each minute (hosting.md, 8)."""

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from functools import partial

from coalserver.core.commands.hosting import update_run
from coalserver.core.commands.samples import record_samples
from coalserver.core.queries.hosting import get_run
from coalserver.core.queries.worlds import count_online
from coalserver.domain.errors import DomainError
from coalserver.domain.minecraft.hosting import transitions
from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.minecraft.hosting.transitions import Run
from coalserver.domain.samples import Sample
from coalserver.hosting.context import HostingContext
from coalserver.hosting.figures import FigureReader, SampleTaker
from coalserver.hosting.overloads import Load
from coalserver.hosting.ticks import has_tick_query
from coalserver.hosting.world_process import WorldProcess
from coalserver.hosting.world_task import WorldTask

#: Between two questions for the ticks.
TICK_SECONDS = 60.0


class _WorldMeter:
    """What is measured of one world."""

    def __init__(self, world_id: int) -> None:
        self.reader = FigureReader()
        self.taker = SampleTaker(world_id)
        self.figures = Figures()
        self.ticks_asked_at = 0.0


class Measuring:
    """The figures of all hosted worlds. `worlds` are their tasks, by id."""

    def __init__(self, context: HostingContext, worlds: Mapping[int, WorldTask]) -> None:
        self._context, self._core = context, context.core
        self._worlds = worlds
        self._meters: dict[int, _WorldMeter] = {}

    def figures(self, world_id: int, pid: int | None) -> Figures:
        """Return the figures of a world whose main process is `pid`, None if it has none."""
        meter = self._meters.get(world_id)
        found = meter.figures if meter is not None else Figures()
        if found.pid != pid:
            # Another process has not been measured yet.
            found = Figures(pid=pid)
        return replace(
            found,
            cpu_seconds=meter.reader.cpu_seconds if meter is not None else 0.0,
            save_seconds=self._context.save_seconds.get(world_id),
        )

    async def measure(self) -> None:
        """Measure all worlds once, and store the figures of minutes that are over.

        The error of one world does not keep those of the others from being stored; it is raised after that.
        """
        worlds = [*self._worlds.values()]
        measured = (self._measure(world) for world in worlds)
        found = await asyncio.gather(*measured, return_exceptions=True)
        await self._store([sample for sample in found if isinstance(sample, Sample)])
        for error in found:
            if isinstance(error, BaseException):
                raise error

    async def finish(self) -> None:
        """Store the figures that are not stored yet."""
        await self._store([meter.taker.take() for meter in self._meters.values()])

    async def _store(self, found: Sequence[Sample | None]) -> None:
        samples = [sample for sample in found if sample is not None]
        if samples:
            await self._core.execute(record_samples, samples=samples)

    async def _measure(self, world: WorldTask) -> Sample | None:
        """Measure a world. Returns the sample of the minute before, once that is over."""
        process, world_id = world.process, world.world_id
        child = process.living_child if process is not None else None
        if process is None or child is None:
            await self._record_load(world_id, Load())
            if (meter := self._meters.get(world_id)) is None:
                return None
            meter.figures = Figures()
            return meter.taker.take(self._core.now)
        meter = self._meters.setdefault(world_id, _WorldMeter(world_id))
        pid, loop_time = child["pid"], asyncio.get_running_loop().time()

        def read() -> Figures:
            members = [stat.pid for stat in process.state.members()]
            return meter.reader.read(pid, members, loop_time)

        figures = await asyncio.to_thread(read)
        load = process.overloads.recent(self._core.now)
        await self._ask_for_ticks(meter, process, world_id)
        meter.figures = replace(
            figures,
            ticks_per_second=process.ticks.ticks_per_second if self._asks_for_ticks else None,
            overloads=load.overloads,
            behind=load.behind,
        )
        players = self._core.query(count_online, world=world_id)
        now = self._core.now
        sample = meter.taker.take(now)
        meter.taker.add(meter.figures, players, now)
        await self._record_load(world_id, load)
        with suppress(OSError):
            await world.console.delete_taken_in()
        return sample

    @property
    def _asks_for_ticks(self) -> bool:
        return self._context.settings.ticks

    async def _ask_for_ticks(
        self, meter: _WorldMeter, process: WorldProcess, world_id: int
    ) -> None:
        """Ask a running world for its ticks once a minute, if that is wanted and it can answer."""
        now = asyncio.get_running_loop().time()
        if not self._asks_for_ticks or now - meter.ticks_asked_at < TICK_SECONDS:
            return
        if not (process.seen.ready and process.ticks.is_answered) or process.seen.stopping:
            return
        newest_first = self._context.catalog.lists.newest_first
        if has_tick_query(process.seen.minecraft, newest_first):
            meter.ticks_asked_at = now
            await process.ask_for_ticks()

    async def _record_load(self, world_id: int, load: Load) -> None:
        """Store the overloads of a world as the pings of an agent would, if they have changed."""
        with suppress(DomainError):
            world = self._core.query(get_run, world_id=world_id, archived=True).world
            if load != Load(world.overloads or 0, world.behind or 0, world.skipped or 0):
                await self._core.execute(
                    update_run, world_id=world_id, transition=partial(_with_load, load)
                )


def _with_load(load: Load, run: Run, now: float) -> Run:
    return transitions.with_load(run, load.overloads, load.behind, load.skipped)
