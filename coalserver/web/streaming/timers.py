"""Timers: thousands of time-outs on one timer of the loop that ticks once a second."""

import asyncio
from typing import Protocol

#: Below this a second more or less would be noticed: such time-outs have a timer each.
SHORT = 5


class Sleeper(Protocol):
    """Somebody who may be called when his time is up."""

    def expire(self) -> None: ...


#: What `add` gives and `cancel` takes.
Handle = int | asyncio.TimerHandle


class Timers:
    """Time-outs in buckets of a second, and sleepers called every second until they are let go."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[Sleeper, None]] = {}
        self._watched: dict[Sleeper, None] = {}
        self._ticking: asyncio.TimerHandle | None = None

    def add(self, sleeper: Sleeper, seconds: float) -> Handle:
        """Call `expire` in that many seconds, give or take one; gives what to cancel with."""
        loop = asyncio.get_running_loop()
        if seconds < SHORT:
            return loop.call_later(seconds, sleeper.expire)
        bucket = int(loop.time() + seconds)
        self._buckets.setdefault(bucket, {})[sleeper] = None
        self._go_on(loop)
        return bucket

    def cancel(self, sleeper: Sleeper, handle: Handle) -> None:
        """Do not call this one any more."""
        if not isinstance(handle, int):
            handle.cancel()
        elif (sleepers := self._buckets.get(handle)) is not None:
            sleepers.pop(sleeper, None)

    def watch(self, sleeper: Sleeper) -> None:
        """Call `expire` every second."""
        self._watched[sleeper] = None
        self._go_on(asyncio.get_running_loop())

    def unwatch(self, sleeper: Sleeper) -> None:
        self._watched.pop(sleeper, None)

    def _go_on(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._ticking is None:
            self._ticking = loop.call_later(1, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._ticking = None
        try:
            for bucket in sorted(bucket for bucket in self._buckets if bucket <= now):
                sleepers = self._buckets[bucket]
                while sleepers:
                    sleepers.popitem()[0].expire()
                del self._buckets[bucket]
            for sleeper in tuple(self._watched):
                sleeper.expire()
        finally:
            # One who fails does not keep the others from their time.
            if self._buckets or self._watched:
                self._go_on(loop)
