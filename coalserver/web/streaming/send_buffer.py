"""Outboxes: what sockets are to be told, written without waiting for any of them.

Each has its own frames, which go out together at the end of the loop's turn. What a slow client leaves
unread is bounded; above that it misses frames, and is told how many when it takes some again. One that
does not catch up for long is let go.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from coalserver.web.streaming.timers import Timers
from coalserver.web.streaming.websocket import WebSocketConnection

#: Bytes a client may leave unread before it misses frames.
HIGH_WATER_MARK = 256 * 1024
#: Bytes written at once after which it is worth looking whether they go out.
FLUSH_BYTES = 64 * 1024
#: Seconds a client may leave anything unread before it is let go.
STALLED_SECONDS = 30


class Owner(Protocol):
    """Whose socket it is."""

    def missed(self, count: int) -> None:
        """The client takes frames again, and was too slow for so many."""

    def stalled(self) -> None:
        """The client has not caught up for too long."""


class FlushScheduler:
    """All outboxes with something to write at the end of this turn of the loop."""

    __slots__ = ("timers", "clock", "waiting", "_loop")

    def __init__(self, timers: Timers, clock: Callable[[], float]) -> None:
        self.timers = timers
        self.clock = clock
        self.waiting: list[SendBuffer] = []
        self._loop = asyncio.get_running_loop()

    def schedule(self) -> None:
        """Something waits: have all of it written at the end of this turn."""
        self._loop.call_soon(self._flush_all)

    def _flush_all(self) -> None:
        waiting, self.waiting = self.waiting, []
        for outbox in waiting:
            outbox.flush()


class SendBuffer:
    """What one socket is to be told. Itself the timers' sleeper while something is unread."""

    __slots__ = (
        "_socket", "_owner", "_scheduler", "_frames", "_size", "_full", "_missed", "_unread_since",
    )  # fmt: skip

    def __init__(
        self, socket: WebSocketConnection, owner: Owner, scheduler: FlushScheduler
    ) -> None:
        self._socket = socket
        self._owner = owner
        self._scheduler = scheduler
        self._frames: list[bytes] = []
        #: Bytes of these frames.
        self._size = 0
        self._full = False
        self._missed = 0
        #: Since when it has not caught up; None while it has.
        self._unread_since: float | None = None

    def send(self, frame: bytes) -> bool:
        """Send a frame at the end of this turn; False where the client is too slow to have it."""
        if self._full and self._still_full():
            self._missed += 1
            return False
        frames = self._frames
        if not frames:
            waiting = self._scheduler.waiting
            if not waiting:
                self._scheduler.schedule()
            waiting.append(self)
        frames.append(frame)
        self._size += len(frame)
        if self._size > HIGH_WATER_MARK:
            self._full = True
        return True

    def flush(self) -> None:
        """Write what is there now."""
        frames = self._frames
        if not frames:
            return
        size, unread = self._size, self._socket.unread
        if unread or size > FLUSH_BYTES:
            self._full = unread + size > HIGH_WATER_MARK
            if self._unread_since is None:
                self._unread_since = self._scheduler.clock()
                self._scheduler.timers.watch(self)
        self._socket.write(frames[0] if len(frames) == 1 else b"".join(frames))
        frames.clear()
        self._size = 0

    def _still_full(self) -> bool:
        self._full = self._size + self._socket.unread > HIGH_WATER_MARK
        return self._full

    def expire(self) -> None:
        """Once a second, while something is unread: has the client caught up?"""
        since = self._unread_since
        if since is not None and self._socket.unread and not self._socket.ended.done():
            if self._scheduler.clock() - since >= STALLED_SECONDS:
                self._owner.stalled()
            return
        self._scheduler.timers.unwatch(self)
        self._unread_since = None
        missed, self._missed = self._missed, 0
        if missed:
            self._owner.missed(missed)
