"""Outboxes: what sockets are to be told, written without waiting for any of them.

Each has its own frames, which go out together at the end of the loop's turn. What a slow client leaves
unread is bounded; above that it misses frames, and is told how many when it takes some again. One that
does not catch up for long is let go.
"""

import asyncio
from collections.abc import Callable
from typing import Protocol

from coalserver.web.socket import Socket
from coalserver.web.timers import Timers

#: Bytes a client may leave unread before it misses frames.
FULL = 256 * 1024
#: Bytes written at once after which it is worth looking whether they go out.
MUCH = 64 * 1024
#: Seconds a client may leave anything unread before it is let go.
STALLED_SECONDS = 30


class Owner(Protocol):
    """Whose socket it is."""

    def missed(self, count: int) -> None:
        """The client takes frames again, and was too slow for so many."""

    def stalled(self) -> None:
        """The client has not caught up for too long."""


class Turn:
    """All outboxes with something to write at the end of this turn of the loop."""

    def __init__(self, timers: Timers, clock: Callable[[], float]) -> None:
        self.timers = timers
        self.clock = clock
        self._waiting: list[Outbox] = []

    def wait(self, outbox: "Outbox") -> None:
        """Have this one written at the end of the turn."""
        if not self._waiting:
            asyncio.get_running_loop().call_soon(self._over)
        self._waiting.append(outbox)

    def _over(self) -> None:
        waiting, self._waiting = self._waiting, []
        for outbox in waiting:
            outbox.flush()


class Outbox:
    """What one socket is to be told. Itself the timers' sleeper while something is unread."""

    __slots__ = ("_socket", "_owner", "_turn", "_frames", "_size", "_missed", "_unread_since")

    def __init__(self, socket: Socket, owner: Owner, turn: Turn) -> None:
        self._socket = socket
        self._owner = owner
        self._turn = turn
        self._frames: list[bytes] = []
        self._size = 0
        self._missed = 0
        #: Since when it has not caught up; None while it has.
        self._unread_since: float | None = None

    def put(self, frame: bytes) -> bool:
        """Send a frame at the end of this turn; False where the client is too slow to have it."""
        if self._size + self._socket.unread > FULL:
            self._missed += 1
            return False
        if not self._frames:
            self._turn.wait(self)
        self._frames.append(frame)
        self._size += len(frame)
        return True

    def flush(self) -> None:
        """Write what is there now."""
        if not self._frames:
            return
        if self._unread_since is None and (self._size > MUCH or self._socket.unread):
            self._unread_since = self._turn.clock()
            self._turn.timers.watch(self)
        self._socket.write(b"".join(self._frames))
        self._frames.clear()
        self._size = 0

    def expire(self) -> None:
        """Once a second, while something is unread: has the client caught up?"""
        since = self._unread_since
        if since is not None and self._socket.unread and not self._socket.ended.done():
            if self._turn.clock() - since >= STALLED_SECONDS:
                self._owner.stalled()
            return
        self._turn.timers.unwatch(self)
        self._unread_since = None
        missed, self._missed = self._missed, 0
        if missed:
            self._owner.missed(missed)
