"""Broadcast groups: open streams that receive the same bytes. One waiter of the feed writes to all of them.

Waking each stream to read for itself costs half as much again as writing to it. What holds for all members, such as
their cursor, is kept once, with the group: an event touches nothing of a member but its transport.
"""

import asyncio
from array import array
from collections.abc import Callable, Hashable
from itertools import starmap
from typing import Protocol
from weakref import WeakValueDictionary

from coalserver.web.context import AppContext
from coalserver.web.streaming.direct_writes import socket_of, write_directly
from coalserver.web.streaming.socket_reader import REQUESTS_AT_ONCE
from coalserver.web.streaming.subscriptions import Subscription, read_memory
from coalserver.web.streaming.write_queue import CLIENTS_AT_ONCE, WriteQueue

#: Unread bytes above which a stream is not written to.
HIGH_WATER_MARK = 64 * 1024

FrameEncoder = Callable[[int, bytes], bytes]


class BroadcastMember(Protocol):
    """A stream in a group. It may also look for itself: it leaves, reads on its own and joins again."""

    #: Not kept up to date while the stream is a member, see `leave`.
    cursor: int

    def look(self) -> None:
        """Write everything after the cursor, or end if the feed is closed."""

    def write(self, raw: bytes) -> None:
        """Write what the member's socket has not taken to its transport."""

    def fail(self, error: Exception) -> None: ...


class _Section:
    """Some of the members of a group: they are written to without a pause in between."""

    __slots__ = ("members", "cursor", "sockets")

    def __init__(self, cursor: int) -> None:
        #: Each with its socket. The transport of one that is not slow has nothing to write.
        self.members: dict[BroadcastMember, int] = {}
        #: All members have received the entries up to here.
        self.cursor = cursor
        #: The sockets of the members; None after these have changed.
        self.sockets: array[int] | None = None

    def write(self, payload: bytes) -> None:
        """Write bytes to all members.

        Their objects are touched only where a socket has not taken all: for 10,000 members they are not in the
        processor's cache.
        """
        sockets, size = self.sockets, len(payload)
        if sockets is None:
            sockets = self.sockets = array("i", self.members.values())
        written = [write_directly(number, payload) for number in sockets]
        if written.count(size) != len(written):
            for member, count in zip(tuple(self.members), written, strict=True):
                if count != size:
                    member.write(payload[count:])


class BroadcastGroup:
    """The streams of one audience and transport that have received everything so far.

    The feed wakes groups after single waiters, so that a stream that lost access has left by then. Entries are written
    to one section at a time.
    """

    __slots__ = (
        "written_at", "_app", "_feed", "_api_name", "_subscription", "_encode_frame", "_queue",
        "_sections", "_section_of", "_ahead", "_slow", "_cursor", "_newest", "_looking", "_unwritten",
        "_payload", "_upto", "_cached_at", "_cached", "__weakref__",
    )  # fmt: skip

    def __init__(
        self, app: AppContext, api_name: str, subscription: Subscription, encode_frame: FrameEncoder
    ) -> None:
        self._app = app
        self._feed = app.core.feed
        self._api_name = api_name
        self._subscription = subscription
        self._encode_frame = encode_frame
        self._queue = app.per_process(WriteQueue)
        #: Time of the loop when the group last wrote to its members.
        self.written_at = 0.0
        self._sections: list[_Section] = []
        self._section_of: dict[BroadcastMember, _Section] = {}
        #: Members that have received entries which are not yet written to all sections. They are in no section, and
        #: their cursor is right.
        self._ahead: dict[BroadcastMember, int] = {}
        #: Members with unread bytes. They look for themselves before the group writes again.
        self._slow: dict[BroadcastMember, None] = {}
        #: All members have received the entries up to here, and nothing was published on the topics after the other.
        self._cursor = self._newest = -1
        #: Members that are still to look for themselves, after all of them have to.
        self._looking: list[BroadcastMember] = []
        #: While frames are written: the sections that are left, the frames, and up to where entries are in them.
        self._unwritten: list[_Section] = []
        self._payload = b""
        self._upto = -1
        self._cached_at = (-1, -1)
        self._cached = (b"", -1)

    @property
    def client_count(self) -> int:
        """The number of members."""
        return len(self._section_of) + len(self._ahead)

    def has(self, member: BroadcastMember) -> bool:
        """Return whether a stream is a member."""
        return member in self._section_of or member in self._ahead

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
        if not self._section_of and not self._ahead:
            self._cursor = self._newest = self._feed.head
            self._add(member, number)
            self._feed.subscribe(topics, self, last=True)
        elif self._cursor < self._newest or self._feed.has_newer(topics, self._newest):
            self._ahead[member] = number
        else:
            self._add(member, number)
        if transport.get_write_buffer_size():
            # A transport that has called `pause_writing` calls it again only after everything was written.
            self._slow[member] = None

    def leave(self, member: BroadcastMember) -> None:
        """Remove a stream, if it is a member, and set its cursor to what it has received."""
        self._slow.pop(member, None)
        section = self._section_of.pop(member, None)
        if section is not None:
            del section.members[member]
            section.sockets = None
            member.cursor = max(member.cursor, section.cursor)
            if not section.members:
                self._sections.remove(section)
        elif self._ahead.pop(member, None) is None:
            return
        if not self._section_of and not self._ahead:
            self._unwritten = []
            self._feed.unsubscribe(self._subscription.topics, self)

    def slow_down(self, member: BroadcastMember) -> None:
        """Note that the transport of a member has bytes to write. May be called while the group writes."""
        if self.has(member):
            self._slow[member] = None

    def wake(self) -> None:
        """Write new entries to all members."""
        feed, topics = self._feed, self._subscription.topics
        if self._cursor >= self._newest:
            # Notified of every batch, the group knows that there was nothing since the last one: a quiet group does
            # not depend on how far back memory reaches.
            self._move_cursor(max(self._cursor, feed.previous_head))
        self._newest = feed.head
        self._let_slow_look()
        for member in tuple(self._ahead):
            if feed.has_newer(topics, member.cursor) or not feed.covers(member.cursor, topics):
                member.look()
        if feed.closed or not feed.covers(self._cursor, topics):
            self._let_all_look()
        self._queue.start(self)

    def write_some(self) -> bool:
        """Write to some of the members; return whether there is more to write."""
        if not self._looking:
            self._let_slow_look()
            if not self._unwritten and not self._begin():
                return False
        if not self._unwritten:
            return self._let_some_look()
        self.written_at = asyncio.get_running_loop().time()
        left, unwritten = CLIENTS_AT_ONCE, self._unwritten
        while unwritten and left > 0:
            section = unwritten.pop()
            section.write(self._payload)
            section.cursor = self._upto
            left -= len(section.members)
        if unwritten:
            return True
        self._cursor = self._upto
        self._let_slow_look()
        return self._begin()

    def fail(self, error: Exception) -> None:
        for member in (*self._section_of, *self._ahead):
            member.fail(error)

    def _add(self, member: BroadcastMember, number: int) -> None:
        """Add a stream that has received what all others have."""
        if not self._sections or len(self._sections[-1].members) >= CLIENTS_AT_ONCE:
            self._sections.append(_Section(self._cursor))
        self._section_of[member] = section = self._sections[-1]
        section.members[member] = number
        section.sockets = None

    def _begin(self) -> bool:
        """Prepare what is to be done next; False if all members have received everything."""
        feed, topics = self._feed, self._subscription.topics
        while self._cursor < self._newest:
            if not feed.covers(self._cursor, topics):
                self._let_all_look()
                return True
            self._payload, self._upto = self.frames_after(self._cursor)
            if self._payload and self._sections:
                self._unwritten = self._sections[::-1]
                return True
            self._move_cursor(self._upto)
        self._add_those_ahead()
        return False

    def _move_cursor(self, cursor: int) -> None:
        self._cursor = cursor
        for section in self._sections:
            section.cursor = cursor

    def _add_those_ahead(self) -> None:
        ahead, self._ahead = self._ahead, {}
        for member, number in ahead.items():
            self._add(member, number)

    def _let_all_look(self) -> None:
        """Have all members look for themselves: the feed is closed, or entries are on disk only."""
        self._unwritten = []
        self._looking = [*self._section_of, *self._ahead]

    def _let_some_look(self) -> bool:
        """Let some of all members look for themselves; return whether there is more to do."""
        for _ in range(min(len(self._looking), REQUESTS_AT_ONCE)):
            member = self._looking.pop()
            if self.has(member):
                member.look()
        if self._looking:
            return True
        # Those that have joined again have received everything.
        self._move_cursor(self._newest)
        return self._begin()

    def _let_slow_look(self) -> None:
        """Let slow members look for themselves: they leave, and join again if their clients read."""
        if self._slow:
            for member in tuple(self._slow):
                member.look()


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
