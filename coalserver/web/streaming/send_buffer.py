"""Send buffers: frames for WebSockets, written without waiting for any client.

The frames of one WebSocket are written together at the end of an iteration of the event loop. The unread bytes of a
slow client are bounded: above the limit it misses frames, and is told how many once it reads again. A client that does
not catch up is disconnected.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol, cast

from coalserver.web.streaming.direct_writes import NO_SOCKET, write_directly
from coalserver.web.streaming.timers import Timers
from coalserver.web.streaming.websocket import MessageHandler, WebSocketConnection

#: Unread bytes above which a client misses frames.
HIGH_WATER_MARK = 256 * 1024
#: Seconds with unread bytes after which a client is disconnected.
STALLED_SECONDS = 30


class Owner(MessageHandler, Protocol):
    """The handler of a WebSocket that has a buffer."""

    def missed(self, count: int) -> None:
        """Report that the client reads again after it missed some frames."""

    def stalled(self) -> None:
        """Report that the client has not caught up for STALLED_SECONDS."""


class FlushScheduler:
    """Flushes all buffers with frames at the end of an iteration of the event loop."""

    __slots__ = ("timers", "clock", "waiting", "_loop")

    def __init__(self, timers: Timers, clock: Callable[[], float]) -> None:
        self.timers = timers
        self.clock = clock
        self.waiting: list[SendBuffer] = []
        self._loop = asyncio.get_running_loop()

    def schedule(self) -> None:
        """Flush the waiting buffers at the end of this iteration."""
        self._loop.call_soon(self._flush_all)

    def _flush_all(self) -> None:
        waiting, self.waiting = self.waiting, []
        for send_buffer in waiting:
            send_buffer.flush()


class SendBuffer:
    """The unsent frames of one WebSocket. Watched by the timers while bytes are unread."""

    __slots__ = (
        "_socket", "_scheduler", "_frames", "_size", "_full", "_missed", "_unread_since",
    )  # fmt: skip

    def __init__(self, socket: WebSocketConnection, scheduler: FlushScheduler) -> None:
        self._socket = socket
        self._scheduler = scheduler
        self._frames: list[bytes] = []
        #: Bytes of `_frames`.
        self._size = 0
        self._full = False
        self._missed = 0
        #: Time since which bytes have been unread; None if there are none.
        self._unread_since: float | None = None

    def send(self, frame: bytes) -> bool:
        """Queue a frame for the end of this iteration; False if the client is too slow to receive it."""
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
        """Write all queued frames; what the socket does not take is left to the transport."""
        frames = self._frames
        if not frames:
            return
        raw = frames[0] if len(frames) == 1 else b"".join(frames)
        frames.clear()
        self._size, number = 0, self._socket.direct
        written = 0 if number == NO_SOCKET else write_directly(number, raw)
        if written != len(raw):
            self._write(raw[written:])

    def _write(self, raw: bytes) -> None:
        """Leave bytes to the transport, and watch how long they are unread."""
        transport = self._socket.transport
        if transport is None or transport.is_closing():
            return
        transport.write(raw)
        unread = transport.get_write_buffer_size()
        self._full = unread > HIGH_WATER_MARK
        if unread and self._unread_since is None:
            self._unread_since = self._scheduler.clock()
            self._scheduler.timers.watch(self)

    def _still_full(self) -> bool:
        self._full = self._size + self._socket.unread > HIGH_WATER_MARK
        return self._full

    def expire(self) -> None:
        """Check once a second whether the client has caught up."""
        since = self._unread_since
        if since is not None and self._socket.unread and not self._socket.code:
            if self._scheduler.clock() - since >= STALLED_SECONDS:
                self._owner().stalled()
            return
        self._scheduler.timers.unwatch(self)
        self._unread_since = None
        missed, self._missed = self._missed, 0
        if missed and not self._socket.code:
            self._owner().missed(missed)

    def _owner(self) -> Owner:
        """Return the handler of a socket that is open. It refers to this buffer, which therefore does not keep it."""
        return cast(Owner, self._socket.handler)
