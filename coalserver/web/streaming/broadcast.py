"""Broadcast groups: open streams that receive the same bytes. One waiter of the feed writes to all of them.

Waking each stream to read for itself costs half as much again as writing to it.
"""

import asyncio
from collections.abc import Callable, Hashable
from itertools import starmap
from typing import Protocol
from weakref import WeakValueDictionary

from coalserver.web.context import AppContext
from coalserver.web.streaming.subscriptions import Subscription, read_memory

#: Unread bytes above which a stream is not written to.
HIGH_WATER_MARK = 64 * 1024

FrameEncoder = Callable[[int, bytes], bytes]


class BroadcastMember(Protocol):
    """A stream in a group. It may also be woken by its own topics, then leave or advance on its own."""

    cursor: int

    def wake(self) -> None: ...

    def fail(self, error: Exception) -> None: ...


class BroadcastGroup:
    """The streams of one audience and transport that have received everything so far.

    The feed wakes groups after single waiters, so that a stream that lost access has left by then.
    """

    __slots__ = (
        "written_at", "_app", "_feed", "_api_name", "_subscription", "_encode_frame",
        "_members", "_cursor", "_cached_at", "_cached", "__weakref__",
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
        self._members: dict[BroadcastMember, asyncio.WriteTransport] = {}
        #: Every member has received the entries up to here; some have received more.
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
        """Add a stream that has received everything so far."""
        first = not self._members
        self._members[member] = transport
        if first:
            self._cursor = member.cursor
            self._feed.subscribe(self._subscription.topics, self, last=True)

    def leave(self, member: BroadcastMember) -> None:
        """Remove a stream, if it is a member."""
        if self._members.pop(member, None) is not None and not self._members:
            self._feed.unsubscribe(self._subscription.topics, self)

    def wake(self) -> None:
        """Write new entries to all members."""
        feed = self._feed
        if feed.closed or not feed.covers(self._cursor, self._subscription.topics):
            self._wake_each(list(self._members))
            self._cursor = feed.head
            return
        while feed.has_newer(self._subscription.topics, self._cursor):
            payload, upto = self.frames_after(self._cursor)
            self._cursor = upto
            self._send(payload, upto)

    def fail(self, error: Exception) -> None:
        for member in list(self._members):
            member.fail(error)

    def _send(self, payload: bytes, upto: int) -> None:
        stalled = []
        if payload:
            self.written_at = asyncio.get_running_loop().time()
        for member, transport in self._members.items():
            if member.cursor >= upto:
                continue
            if transport.is_closing() or transport.get_write_buffer_size() > HIGH_WATER_MARK:
                stalled.append(member)
                continue
            member.cursor = upto
            if payload:
                transport.write(payload)
        self._wake_each(stalled)

    @staticmethod
    def _wake_each(members: list[BroadcastMember]) -> None:
        for member in members:
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
