"""Timers: thousands of time-outs on one timer of the event loop that ticks once a second."""

import asyncio
from typing import Protocol

#: Shorter time-outs have a timer each, since a bucket is accurate to a second only.
MIN_BUCKET_SECONDS = 5
#: Time-outs that are handled before other requests run: each may write an answer.
MAX_EXPIRING = 100


class Expirable(Protocol):
    """An object with a time-out. `expire` is called when it is reached."""

    def expire(self) -> None: ...


#: Result of `add`, for `cancel`.
Handle = int | asyncio.TimerHandle


class Timers:
    """Time-outs in buckets of one second, and objects whose `expire` is called every second."""

    def __init__(self) -> None:
        self._buckets: dict[int, dict[Expirable, None]] = {}
        self._watched: dict[Expirable, None] = {}
        self._tick_handle: asyncio.TimerHandle | None = None
        #: The loop's time in whole seconds at the last tick. It stands still while there is nothing to call.
        self.second = 0

    def now(self) -> int:
        """Return the loop's time in whole seconds, also while nothing ticks."""
        if self._tick_handle is None:
            self.second = int(asyncio.get_running_loop().time())
        return self.second

    def at(self, expirable: Expirable, second: int) -> Handle:
        """Call `expire` at a second of the loop's time that is not reached yet; return a handle for `cancel`."""
        self._buckets.setdefault(second, {})[expirable] = None
        if self._tick_handle is None:
            self._schedule_tick(asyncio.get_running_loop())
        return second

    def add(self, expirable: Expirable, seconds: float) -> Handle:
        """Call `expire` after some seconds, accurate to one; return a handle for `cancel`."""
        loop = asyncio.get_running_loop()
        if seconds < MIN_BUCKET_SECONDS:
            return loop.call_later(seconds, expirable.expire)
        bucket = int(loop.time() + seconds)
        self._buckets.setdefault(bucket, {})[expirable] = None
        if self._tick_handle is None:
            self._schedule_tick(loop)
        return bucket

    def cancel(self, expirable: Expirable, handle: Handle) -> None:
        """Cancel a time-out."""
        if not isinstance(handle, int):
            handle.cancel()
        elif (expirables := self._buckets.get(handle)) is not None:
            expirables.pop(expirable, None)

    def watch(self, expirable: Expirable) -> None:
        """Call `expire` every second until `unwatch`."""
        self._watched[expirable] = None
        if self._tick_handle is None:
            self._schedule_tick(asyncio.get_running_loop())

    def unwatch(self, expirable: Expirable) -> None:
        self._watched.pop(expirable, None)

    def _schedule_tick(self, loop: asyncio.AbstractEventLoop) -> None:
        self.second = int(loop.time())
        self._tick_handle = loop.call_later(1, self._tick)

    def _tick(self) -> None:
        loop = asyncio.get_running_loop()
        self.second = int(loop.time())
        try:
            self._expire_due(loop)
            for expirable in tuple(self._watched):
                expirable.expire()
        finally:
            # An exception in one `expire` must not stop the timer.
            self._tick_handle = None
            if self._buckets or self._watched:
                self._schedule_tick(loop)

    def _expire_due(self, loop: asyncio.AbstractEventLoop) -> None:
        """Call `expire` for all that is due; thousands of polls can end in the same second."""
        now, left = loop.time(), MAX_EXPIRING
        for bucket in sorted(bucket for bucket in self._buckets if bucket <= now):
            expirables = self._buckets[bucket]
            while expirables:
                if not left:
                    # Other requests run before the rest.
                    loop.call_soon(self._expire_due, loop)
                    return
                left -= 1
                expirables.popitem()[0].expire()
            del self._buckets[bucket]
