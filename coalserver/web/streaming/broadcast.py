"""Choruses: open streams that are told the same. One waits for all of them and writes to each.

To wake a stream by itself, and let it look for what it is told, costs half as much again as to write to it.
"""

import asyncio
from collections.abc import Callable, Hashable
from itertools import starmap
from typing import Protocol
from weakref import WeakValueDictionary

from coalserver.web.api import Web
from coalserver.web.streaming.subscriptions import Subscription, read_memory

#: Bytes a client may leave unread before nothing more is written to it.
FULL = 64 * 1024

Frame = Callable[[int, bytes], bytes]


class Stream(Protocol):
    """One of a chorus. Woken by itself it may leave, or go ahead of the others."""

    cursor: int
    #: Seconds in which nothing was written.
    quiet_for: int

    def wake(self) -> None: ...

    def fail(self, fault: Exception) -> None: ...


class Chorus:
    """An audience, in one form. Those of it who have heard everything so far are told together.

    It is woken after everyone who waits for himself: who may hear less from now on has left by then.
    """

    __slots__ = (
        "_web", "_feed", "_dialect", "_subscription", "_frame",
        "_streams", "_cursor", "_made_at", "_made", "__weakref__",
    )  # fmt: skip

    def __init__(self, web: Web, dialect: str, subscription: Subscription, frame: Frame) -> None:
        self._web = web
        self._feed = web.core.feed
        self._dialect = dialect
        self._subscription = subscription
        self._frame = frame
        self._streams: dict[Stream, asyncio.WriteTransport] = {}
        #: All of them have heard what is up to here; those who were woken by themselves even more.
        self._cursor = -1
        self._made_at = (-1, -1)
        self._made = (b"", -1)

    def after(self, cursor: int) -> tuple[bytes, int]:
        """Frames after a cursor that memory covers, and the cursor up to which all was looked at."""
        at = (cursor, self._feed.head)
        if at != self._made_at:
            told, upto = read_memory(self._web, self._dialect, self._subscription, cursor)
            self._made_at, self._made = at, (b"".join(starmap(self._frame, told)), upto)
        return self._made

    def join(self, stream: Stream, transport: asyncio.WriteTransport) -> None:
        """Tell this one, who has heard everything so far, together with the others."""
        first = not self._streams
        self._streams[stream] = transport
        if first:
            self._cursor = stream.cursor
            self._feed.stay(self._subscription.topics, self, last=True)

    def leave(self, stream: Stream) -> None:
        """Tell this one nothing more. Safe for one who never joined."""
        if self._streams.pop(stream, None) is not None and not self._streams:
            self._feed.leave(self._subscription.topics, self)

    def wake(self) -> None:
        """Write what is new to all of them."""
        feed = self._feed
        if feed.closed or not feed.covers(self._cursor):
            self._alone(list(self._streams))
            self._cursor = feed.head
            return
        while feed.news(self._subscription.topics, self._cursor):
            told, upto = self.after(self._cursor)
            self._cursor = upto
            self._tell(told, upto)

    def fail(self, fault: Exception) -> None:
        for stream in list(self._streams):
            stream.fail(fault)

    def _tell(self, told: bytes, upto: int) -> None:
        stuck = []
        for stream, transport in self._streams.items():
            if stream.cursor >= upto:
                continue
            if transport.is_closing() or transport.get_write_buffer_size() > FULL:
                stuck.append(stream)
                continue
            stream.cursor = upto
            if told:
                stream.quiet_for = 0
                transport.write(told)
        self._alone(stuck)

    @staticmethod
    def _alone(streams: list[Stream]) -> None:
        for stream in streams:
            stream.wake()


class Choruses:
    """Every chorus somebody is in, or was told by just now."""

    def __init__(self, web: Web) -> None:
        self._web = web
        self._known: WeakValueDictionary[Hashable, Chorus] = WeakValueDictionary()

    def of(self, form: str, dialect: str, subscription: Subscription, frame: Frame) -> Chorus:
        """The one for who hears this in this form: two forms are two frames."""
        name = (form, dialect, subscription.audience, subscription.topics)
        chorus = self._known.get(name)
        if chorus is None:
            chorus = self._known[name] = Chorus(self._web, dialect, subscription, frame)
        return chorus
