"""The feed: recent entries by topic, and the waiters to notify of new ones. It knows no clients."""

import asyncio
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from math import inf
from operator import attrgetter
from typing import Any, Protocol

from coalserver.core.ports import Entry, Topic
from coalserver.core.steps import MAX_WORK, Steps, complete
from coalserver.domain.play import events

log = logging.getLogger(__name__)
_id = attrgetter("id")

#: Bytes that an entry takes besides its payload, about.
ENTRY_BYTES = 300
#: Waiters that are told of the end between two pauses: streams take 30 to 150 µs each.
CLOSED_AT_ONCE = 50
#: What members of one room or lobby send: class -> its payloads. Their topics belong to this room alone.
ROOM_PAYLOADS: dict[type, Callable[[Any], Any]] = {
    events.LobbyChat: attrgetter("text", "name"),
    events.TurnTaken: attrgetter("turn", "state"),
    events.RoomChat: attrgetter("text", "data"),
    events.UpdateSent: attrgetter("type", "data"),
    events.SyncedStateChanged: attrgetter("patch", "game"),
    events.CommandSent: attrgetter("name", "data"),
    events.BinarySent: attrgetter("data", "game"),
    events.ActionRequested: attrgetter("type", "request"),
}
#: Payloads of other events that clients can make large.
OTHER_PAYLOADS: dict[type, Callable[[Any], Any]] = {
    events.LobbyOpened: attrgetter("name", "options"),
    events.LobbyOptionsChanged: attrgetter("game", "options"),
    events.RoomClosed: attrgetter("game", "outcome"),
}


class Waiter(Protocol):
    """Callback for new entries; reads them from the feed."""

    def wake(self) -> None:
        """Handle a notification of new entries. Called once per `add_waiter`, always for a subscriber."""

    def fail(self, error: Exception) -> None:
        """Stop, because `wake` has raised this error and the notification is lost."""


class Feed:
    """The newest entries, in memory. Entries below `floor` are on disk only; those below `oldest` are deleted.

    Of one room at most `max_room_bytes` are in memory: a topic of a room can have a higher floor of its own. The
    newest entry of a topic always stays, unless it is below `floor`.
    """

    def __init__(
        self,
        head: int = -1,
        oldest: int = 0,
        tail: int = 20_000,
        gaps: Sequence[tuple[int, int]] = (),
        *,
        max_room_bytes: int = 4 << 20,
        max_bytes: int = 256 << 20,
    ) -> None:
        #: Id of the newest published entry.
        self.head = head
        #: `head` before the newest batch: all entries above it were published at once.
        self.previous_head = head
        #: Id of the oldest entry in memory; head + 1 while there is none.
        self.floor = head + 1
        #: Id of the oldest entry in the store.
        self.oldest = oldest
        self.closed = False
        #: Ranges of ids that were issued before a backup was restored: above the first, up to the second.
        self._gaps = tuple(gaps)
        self._tail = tail
        self._max_room_bytes = max_room_bytes
        self._max_bytes = max_bytes
        #: Bytes of the entries in memory, about.
        self.bytes = 0
        #: Id, topics, bytes and room of each entry above `floor`. The room is None for entries of no room.
        self._recent: deque[tuple[int, tuple[Topic, ...], int, _RoomEntries | None]] = deque()
        #: By the id of a room, or the negative id of a lobby: what its members sent.
        self._rooms: dict[int, _RoomEntries] = {}
        #: Topics of which older entries than those in memory are on disk only: the id of the first in memory.
        self._topic_floors: dict[Topic, int] = {}
        self._topics: dict[Topic, deque[Entry]] = {}
        self._waiters: dict[Topic, dict[Waiter, None]] = {}
        self._subscribers: dict[Topic, dict[Waiter, None]] = {}
        self._last_subscribers: dict[Topic, dict[Waiter, None]] = {}

    def publish(self, entries: Sequence[Entry]) -> None:
        """Publish entries that are on disk and notify their waiters."""
        if not entries:
            return
        full_rooms = self._record_sizes(entries)
        awake: dict[Waiter, None] = {}
        awake_last: dict[Waiter, None] = {}
        for entry in entries:
            for topic in entry.topics:
                tail = self._topics.get(topic)
                if tail is None:
                    tail = self._topics[topic] = deque()
                tail.append(entry)
                waiters = self._waiters.pop(topic, None)
                if waiters:
                    awake.update(waiters)
                subscribers = self._subscribers.get(topic)
                if subscribers:
                    awake.update(subscribers)
                last = self._last_subscribers.get(topic)
                if last:
                    awake_last.update(last)
        self.previous_head, self.head = self.head, entries[-1].id
        for room in full_rooms:
            self._evict_of_room(room)
        while len(self._recent) > self._tail or (self.bytes > self._max_bytes and self._recent):
            self._evict()
        _notify((*awake, *awake_last))

    def after(self, topics: Sequence[Topic], cursor: int, limit: int) -> list[Entry]:
        """Return the oldest `limit` entries in memory after a cursor on any of the topics, ascending.

        Complete only for a cursor that `covers` accepts.
        """
        if len(topics) == 1:
            tail = self._topics.get(topics[0])
            return _entries_after(tail, cursor, limit) if tail else []
        merged: list[Entry] = []
        for topic in topics:
            tail = self._topics.get(topic)
            if tail and tail[-1].id > cursor:
                entries = _entries_after(tail, cursor, limit)
                merged = _merge(merged, entries)[:limit] if merged else entries
        return merged

    def has_newer(self, topics: Sequence[Topic], cursor: int) -> bool:
        """Return whether any of the topics has an entry after the cursor."""
        for topic in topics:
            tail = self._topics.get(topic)
            if tail and tail[-1].id > cursor:
                return True
        return False

    def covers(self, cursor: int, topics: Iterable[Topic]) -> bool:
        """Return whether all entries after the cursor on the topics are in memory."""
        if cursor < self.floor - 1:
            return False
        floors = self._topic_floors
        if floors:
            for topic in topics:
                if cursor < floors.get(topic, 0) - 1:
                    return False
        return True

    def has_gap(self, cursor: int) -> bool:
        """Return whether entries after the cursor are lost: deleted, or unknown to a restored backup.

        -1 asks for all entries that there are and has no gap.
        """
        if -1 < cursor < self.oldest - 1:
            return True
        return any(low < cursor <= high for low, high in self._gaps)

    def add_waiter(self, topics: Iterable[Topic], waiter: Waiter) -> None:
        """Notify a waiter once, at the next entry on any of the topics; at once if the feed is closed."""
        if self.closed:
            waiter.wake()
            return
        for topic in topics:
            waiters = self._waiters.get(topic)
            if waiters is None:
                waiters = self._waiters[topic] = {}
            waiters[waiter] = None

    def subscribe(self, topics: Iterable[Topic], waiter: Waiter, *, last: bool = False) -> None:
        """Notify a waiter of every batch with entries on any of the topics, until `unsubscribe`.

        `last`: after all other waiters.
        """
        if self.closed:
            waiter.wake()
            return
        registry = self._last_subscribers if last else self._subscribers
        for topic in topics:
            registry.setdefault(topic, {})[waiter] = None

    def unsubscribe(self, topics: Iterable[Topic], waiter: Waiter) -> None:
        """Remove a waiter from the topics, however it was added."""
        for registry in (self._waiters, self._subscribers, self._last_subscribers):
            for topic in topics:
                waiters = registry.get(topic)
                if waiters is not None:
                    waiters.pop(waiter, None)
                    if not waiters:
                        del registry[topic]

    def close(self) -> None:
        """Notify all waiters and accept no more of them."""
        complete(self.close_in_steps())

    def close_in_steps(self) -> Steps[None]:
        """Do the same in steps: other requests may run between two of them."""
        self.closed = True
        waiters: dict[Waiter, None] = {}
        for registry in (self._waiters, self._subscribers, self._last_subscribers):
            for registered in registry.values():
                waiters.update(registered)
            registry.clear()
        left = deque(waiters)
        del waiters
        # Each is freed after it was told, not all of them at the end.
        while left:
            _notify([left.popleft() for _ in range(min(len(left), CLOSED_AT_ONCE))])
            yield MAX_WORK

    def waiter_count(self) -> int:
        """Return the number of clients that wait, each of which counts once on however many topics.

        A waiter in place of any number of clients, also none, states it as `client_count`.
        """
        registries = (self._waiters, self._subscribers, self._last_subscribers)
        waiters = {waiter for topics in registries for some in topics.values() for waiter in some}
        return sum(getattr(waiter, "client_count", 1) for waiter in waiters)

    def _record_sizes(self, entries: Sequence[Entry]) -> "list[_RoomEntries]":
        """Add the sizes of new entries; return the rooms that have more in memory than they may have."""
        full_rooms = []
        for id, _, event, topics in entries:
            kind, size, room = type(event), ENTRY_BYTES, None
            if kind in ROOM_PAYLOADS:
                size += sum(map(len, filter(None, ROOM_PAYLOADS[kind](event))))
                room_id = -event.lobby if kind is events.LobbyChat else event.room
                room = self._rooms.get(room_id)
                if room is None:
                    room = self._rooms[room_id] = _RoomEntries(room_id)
                room.entries.append((id, topics, size))
                room.bytes += size
                if room.bytes > self._max_room_bytes:
                    full_rooms.append(room)
            elif kind in OTHER_PAYLOADS:
                size += sum(map(len, filter(None, OTHER_PAYLOADS[kind](event))))
            self.bytes += size
            self._recent.append((id, topics, size, room))
        return full_rooms

    def _evict(self) -> None:
        """Drop the oldest entry."""
        id, topics, size, room = self._recent.popleft()
        self.floor = id + 1
        for topic in topics:
            tail = self._topics.get(topic)
            if tail and tail[0].id == id:
                tail.popleft()
                if not tail:
                    del self._topics[topic]
            if self._topic_floors.get(topic, inf) <= self.floor:
                del self._topic_floors[topic]
        if room is None:
            self.bytes -= size
        elif room.entries and room.entries[0][0] == id:
            room.entries.popleft()
            room.bytes -= size
            self.bytes -= size
            if not room.entries:
                del self._rooms[room.id]

    def _evict_of_room(self, room: "_RoomEntries") -> None:
        """Drop the oldest entries that members of a room sent, but the newest of each topic."""
        while room.bytes > self._max_room_bytes and len(room.entries) > 1:
            id, topics, size = room.entries.popleft()
            room.bytes -= size
            self.bytes -= size
            for topic in topics:
                tail = self._topics[topic]
                while len(tail) > 1 and tail[0].id <= id:
                    self._topic_floors[topic] = tail.popleft().id + 1


class _RoomEntries:
    """What the members of one room or lobby sent and is in memory: id, topics and bytes of each entry."""

    __slots__ = ("id", "entries", "bytes")

    def __init__(self, id: int) -> None:
        self.id = id
        self.entries: deque[tuple[int, tuple[Topic, ...], int]] = deque()
        self.bytes = 0


class FutureWaiter:
    """A waiter with a future that resolves at the notification."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _notify(waiters: Iterable[Waiter]) -> None:
    """Notify waiters. An error of one stops this waiter only, not the others and not the batch writer."""
    for waiter in waiters:
        try:
            waiter.wake()
        except Exception as error:
            log.exception("A waiter failed and is stopped.")
            waiter.fail(error)


def _merge(entries: list[Entry], others: list[Entry]) -> list[Entry]:
    """Return the entries of two topics in ascending order. An entry of both topics appears once."""
    found = {entry.id: entry for entry in entries}
    found.update((entry.id, entry) for entry in others)
    return [found[id] for id in sorted(found)]


def _entries_after(tail: deque[Entry], cursor: int, limit: int) -> list[Entry]:
    if tail[-1].id <= cursor:
        return []
    if len(tail) < 32 or tail[-8].id <= cursor:
        newer: list[Entry] = []
        for entry in reversed(tail):
            if entry.id <= cursor:
                break
            newer.append(entry)
        newer.reverse()
        return newer[:limit]
    entries = list(tail)
    start = bisect_right(entries, cursor, key=_id)
    return entries[start : start + limit]
