"""The feed: recent entries by topic, and the waiters to notify of new ones. It knows no clients."""

import asyncio
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Iterable, Sequence
from operator import attrgetter
from typing import Protocol

from coalserver.core.ports import Entry, Topic

log = logging.getLogger(__name__)
_id = attrgetter("id")


class Waiter(Protocol):
    """Callback for new entries; reads them from the feed."""

    def wake(self) -> None:
        """Handle a notification of new entries. Called once per `add_waiter`, always for a subscriber."""

    def fail(self, error: Exception) -> None:
        """Stop, because `wake` has raised this error and the notification is lost."""


class Feed:
    """The newest entries, in memory. Entries below `floor` are on disk only; those below `oldest` are deleted."""

    def __init__(
        self,
        head: int = -1,
        oldest: int = 0,
        tail: int = 20_000,
        gaps: Sequence[tuple[int, int]] = (),
    ) -> None:
        #: Id of the newest published entry.
        self.head = head
        #: Id of the oldest entry in memory; head + 1 while there is none.
        self.floor = head + 1
        #: Id of the oldest entry in the store.
        self.oldest = oldest
        self.closed = False
        #: Ranges of ids that were issued before a backup was restored: above the first, up to the second.
        self._gaps = tuple(gaps)
        self._tail = tail
        self._recent: deque[Entry] = deque()
        self._topics: dict[Topic, deque[Entry]] = {}
        self._waiters: dict[Topic, dict[Waiter, None]] = {}
        self._subscribers: dict[Topic, dict[Waiter, None]] = {}
        self._last_subscribers: dict[Topic, dict[Waiter, None]] = {}

    def publish(self, entries: Sequence[Entry]) -> None:
        """Publish entries that are on disk and notify their waiters."""
        if not entries:
            return
        awake: dict[Waiter, None] = {}
        awake_last: dict[Waiter, None] = {}
        for entry in entries:
            self._recent.append(entry)
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
        self.head = entries[-1].id
        while len(self._recent) > self._tail:
            self._evict(self._recent.popleft())
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

    def covers(self, cursor: int) -> bool:
        """Return whether all entries after the cursor are in memory."""
        return cursor >= self.floor - 1

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
        self.closed = True
        waiters: dict[Waiter, None] = {}
        for registry in (self._waiters, self._subscribers, self._last_subscribers):
            for registered in registry.values():
                waiters.update(registered)
            registry.clear()
        _notify(waiters)

    def waiter_count(self) -> int:
        """Return the number of waiters, counted once per topic."""
        registries = (self._waiters, self._subscribers, self._last_subscribers)
        return sum(len(some) for topics in registries for some in topics.values())

    def _evict(self, entry: Entry) -> None:
        self.floor = entry.id + 1
        for topic in entry.topics:
            tail = self._topics[topic]
            tail.popleft()
            if not tail:
                del self._topics[topic]


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
