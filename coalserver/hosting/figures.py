"""Figures of hosted worlds: memory, processor time, players, overloads and ticks (hosting.md, 8)."""

from collections.abc import Iterable

import psutil

from coalserver.domain.minecraft.hosting.hosted_world import Figures
from coalserver.domain.samples import (
    MINUTE,
    Sample,
    Tallies,
    Tally,
    merge,
    step_start,
    world_series,
)


class FigureReader:
    """Measures the processes of one world, run after run. The share of the processor is that since the last time."""

    def __init__(self) -> None:
        #: Processor time of all processes measured so far, in seconds. It never becomes less.
        self.cpu_seconds = 0.0
        #: (pid, time of its start) -> its processor time when it was last measured.
        self._times: dict[tuple[int, float], float] = {}
        self._pid: int | None = None
        self._at = 0.0

    def read(self, pid: int, members: Iterable[int], now: float) -> Figures:
        """Return the figures of a main process with all that belongs to it. `now` is a monotonic time. Blocks."""
        memory, spent = 0, 0.0
        times: dict[tuple[int, float], float] = {}
        for member in {pid, *members}:
            try:
                process = psutil.Process(member)
                key = member, process.create_time()
                memory += process.memory_info().rss
                used = process.cpu_times()
            except psutil.Error:
                # It has ended meanwhile.
                continue
            times[key] = used.user + used.system
            spent += max(0.0, times[key] - self._times.get(key, 0.0))
        cpu = None
        if self._pid == pid and now > self._at:
            cpu = round(spent / (now - self._at) * 100, 1)
        self.cpu_seconds += spent
        self._times, self._pid, self._at = times, pid, now
        return Figures(pid=pid, cpu=cpu, memory_used=memory or None)


class SampleTaker:
    """Gathers the figures of one world into a sample for each minute."""

    def __init__(self, world_id: int) -> None:
        self._series = world_series(world_id)
        self._at = 0.0
        self._tallies: Tallies = {}

    def add(self, figures: Figures, players: int, now: float) -> None:
        """Count figures that were measured at a time. Take the sample of an earlier minute first."""
        values = {
            "cpu": figures.cpu,
            "memory": figures.memory_used,
            "players": players,
            "overloads": figures.overloads,
            "behind": figures.behind,
            "ticks": figures.ticks_per_second,
        }
        found = {name: Tally.of(value) for name, value in values.items() if value is not None}
        self._tallies = merge(self._tallies, found)
        self._at = now

    def take(self, now: float | None = None) -> Sample | None:
        """Return the sample if its minute is over at `now`, or in any case without, and begin another one."""
        is_over = now is None or step_start(now, MINUTE) != step_start(self._at, MINUTE)
        if not (self._tallies and is_over):
            return None
        sample, self._tallies = Sample(self._series, self._at, self._tallies), {}
        return sample
