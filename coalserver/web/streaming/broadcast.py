"""Broadcast groups: open streams that receive the same bytes. One waiter of the feed writes to all of them.

Waking each stream to read for itself costs half as much again as writing to it. What holds for all members, such as
their cursor, is kept once, with the group: an event touches nothing of a member but its transport.
"""

import asyncio
from collections.abc import Callable, Hashable
from itertools import starmap
from typing import Protocol
from weakref import WeakValueDictionary

from coalserver.web.context import AppContext
from coalserver.web.streaming.direct_writes import socket_of, write_directly
from coalserver.web.streaming.subscriptions import Subscription, read_memory

#: Unread bytes above which a stream is not written to.
HIGH_WATER_MARK = 64 * 1024

FrameEncoder = Callable[[int, bytes], bytes]


class BroadcastMember(Protocol):
    """A stream in a group. It may also be woken by its own topics: then it leaves, reads on its own and joins again."""

    #: Not kept up to date while the stream is a member, see `leave`.
    cursor: int

    def wake(self) -> None: ...

    def write(self, raw: bytes) -> None:
        """Write what the member's socket has not taken to its transport."""

    def fail(self, error: Exception) -> None: ...


class BroadcastGroup:
    """The streams of one audience and transport that have received everything so far.

    The feed wakes groups after single waiters, so that a stream that lost access has left by then.
    """

    __slots__ = (
        "written_at", "_app", "_feed", "_api_name", "_subscription", "_encode_frame",
        "_members", "_ahead", "_slow", "_cursor", "_cached_at", "_cached", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, app: AppContext, api_name: str, subscription: Subscription, encode_frame: FrameEncoder
    ) -> None:
        self._app = app
        self._feed = app.core.feed
        self._api_name = api_name
        self._subscription = subscription
        self._encode_frame = encode_frame
        #: Time of the loop when the group last wrote to its members.
        self.written_at = 0.0
        #: Each with its socket. The transport of one that is not in `_slow` has nothing to write.
        self._members: dict[BroadcastMember, int] = {}
        #: Members that have received a batch of which the feed has not told the group yet.
        self._ahead: dict[BroadcastMember, int] = {}
        #: Members with unread bytes. They look for themselves before the group writes again.
        self._slow: dict[BroadcastMember, None] = {}
        #: All members have received the entries up to here; those in `_ahead` everything.
        self._cursor = -1
        self._cached_at = (-1, -1)
        self._cached = (b"", -1)

    def frames_after(self, cursor: int) -> tuple[bytes, int]:
        """Return the frames after a cursor that is in memory, and the cursor up to which entries were read."""
        at = (cursor, self._feed.head)
        if at != self._cached_at:
            rendered, upto = read_memory(self._app, self._api_name, self._subscription, cursor)
            self._cached_at, self._cached = (
                at,
                (b"".join(starmap(self._encode_frame, rendered)), upto),
            )
        return self._cached

    def join(self, member: BroadcastMember, transport: asyncio.WriteTransport) -> None:
        """Add a stream that has received everything so far. Its transport calls `slow_down` when it keeps bytes."""
        topics, number = self._subscription.topics, socket_of(transport)
        if not self._members and not self._ahead:
            self._cursor = member.cursor
            self._members[member] = number
            self._feed.subscribe(topics, self, last=True)
        elif self._feed.has_newer(topics, self._cursor):
            self._ahead[member] = number
        else:
            self._members[member] = number
        if transport.get_write_buffer_size():
            # A transport that has called `pause_writing` calls it again only after everything was written.
            self._slow[member] = None

    def leave(self, member: BroadcastMember) -> None:
        """Remove a stream, if it is a member, and set its cursor to what it has received."""
        self._slow.pop(member, None)
        if self._members.pop(member, None) is not None:
            member.cursor = max(member.cursor, self._cursor)
        elif self._ahead.pop(member, None) is None:
            return
        if not self._members and not self._ahead:
            self._feed.unsubscribe(self._subscription.topics, self)

    def slow_down(self, member: BroadcastMember) -> None:
        """Note that the transport of a member has bytes to write. May be called while the group writes."""
        if member in self._members or member in self._ahead:
            self._slow[member] = None

    def wake(self) -> None:
        """Write new entries to all members."""
        feed, topics = self._feed, self._subscription.topics
        self._wake_slow()
        if feed.closed or not feed.covers(self._cursor, topics):
            members = [*self._members, *self._ahead]
            self._members |= self._ahead
            self._ahead = {}
            for member in members:
                member.wake()
            self._cursor = feed.head
            return
        while feed.has_newer(topics, self._cursor):
            payload, upto = self.frames_after(self._cursor)
            if payload:
                self.written_at = asyncio.get_running_loop().time()
                self._write(payload)
            self._cursor = upto
            self._wake_slow()
        self._members |= self._ahead
        self._ahead = {}

    def _write(self, payload: bytes) -> None:
        size = len(payload)
        for member, number in self._members.items():
            written = write_directly(number, payload)
            if written != size:
                member.write(payload[written:])

    def fail(self, error: Exception) -> None:
        for member in (*self._members, *self._ahead):
            member.fail(error)

    def _wake_slow(self) -> None:
        """Let slow members look for themselves: they leave, and join again if their clients read."""
        if self._slow:
            for member in tuple(self._slow):
                member.wake()


class BroadcastGroups:
    """The groups that have members, of all transports and APIs."""

    def __init__(self, app: AppContext) -> None:
        self._app = app
        self._groups: WeakValueDictionary[Hashable, BroadcastGroup] = WeakValueDictionary()

    def get_or_create(
        self, transport: str, api_name: str, subscription: Subscription, encode_frame: FrameEncoder
    ) -> BroadcastGroup:
        """Return the group of a subscription for one transport."""
        group_key = (transport, api_name, subscription.audience, subscription.topics)
        group = self._groups.get(group_key)
        if group is None:
            group = self._groups[group_key] = BroadcastGroup(
                self._app, api_name, subscription, encode_frame
            )
        return group
