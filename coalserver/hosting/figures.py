"""Figures of the processes of hosted worlds: memory and processor time. Everything here blocks."""

from collections.abc import Iterable

import psutil

from coalserver.domain.minecraft.hosting.hosted_world import Figures


class FigureReader:
    """Measures the processes of one world. The processor's share is that since the measurement before."""

    def __init__(self) -> None:
        self._seconds: float | None = None
        self._at = 0.0

    def read(self, pid: int, members: Iterable[int], now: float) -> Figures:
        """Return the figures of a main process with all that belongs to it. `now` is a monotonic time."""
        memory, seconds = 0, 0.0
        for member in {pid, *members}:
            try:
                process = psutil.Process(member)
                memory += process.memory_info().rss
                times = process.cpu_times()
                seconds += times.user + times.system
            except psutil.Error:
                # It has ended meanwhile.
                continue
        cpu = None
        if self._seconds is not None and now > self._at:
            cpu = round(max(0.0, seconds - self._seconds) / (now - self._at) * 100, 1)
        self._seconds, self._at = seconds, now
        return Figures(pid=pid, cpu=cpu, memory_used=memory or None)
