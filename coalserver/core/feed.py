"""The feed: what was said lately, by topic, and who waits for more. Knows no client."""

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
    """Somebody who wants to know that there is more. What there is, he reads himself."""

    def wake(self) -> None:
        """There is something new on a topic you wait for. Called once per enrolment."""

    def fail(self, error: Exception) -> None:
        """Your `wake` has raised this: end, or you would wait for what has come already."""


class Feed:
    """The newest entries in memory. Below `floor` the store must be asked; below `oldest` nothing is kept."""

    def __init__(
        self,
        head: int = -1,
        oldest: int = 0,
        tail: int = 20_000,
        gaps: Sequence[tuple[int, int]] = (),
    ) -> None:
        #: Id of the newest entry said.
        self.head = head
        #: Id of the oldest entry held in memory; head + 1 while none is.
        self.floor = head + 1
        #: Id of the oldest entry the store still has.
        self.oldest = oldest
        self.closed = False
        #: Ids that were given out before a backup was restored: above the first, up to the second.
        self._gaps = tuple(gaps)
        self._tail = tail
        self._recent: deque[Entry] = deque()
        self._topics: dict[Topic, deque[Entry]] = {}
        self._waiters: dict[Topic, dict[Waiter, None]] = {}
        self._subscribers: dict[Topic, dict[Waiter, None]] = {}
        self._last_subscribers: dict[Topic, dict[Waiter, None]] = {}

    def publish(self, entries: Sequence[Entry]) -> None:
        """Say what is on disk, and wake whoever waits for it."""
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
        for waiter in (*awake, *awake_last):
            _notify(waiter)

    def after(self, topics: Sequence[Topic], cursor: int, limit: int) -> list[Entry]:
        """The oldest `limit` held entries on these topics with larger ids, ascending, each once.

        Only right for a cursor that the memory covers: see `covers`.
        """
        if len(topics) == 1:
            tail = self._topics.get(topics[0])
            return _entries_after(tail, cursor, limit) if tail else []
        found: dict[int, Entry] = {}
        for topic in topics:
            tail = self._topics.get(topic)
            if tail:
                found.update((entry.id, entry) for entry in _entries_after(tail, cursor, limit))
        return [found[id] for id in sorted(found)[:limit]]

    def has_newer(self, topics: Sequence[Topic], cursor: int) -> bool:
        """Whether anything on these topics is newer than the cursor."""
        for topic in topics:
            tail = self._topics.get(topic)
            if tail and tail[-1].id > cursor:
                return True
        return False

    def covers(self, cursor: int) -> bool:
        """Whether everything after the cursor is held in memory."""
        return cursor >= self.floor - 1

    def has_gap(self, cursor: int) -> bool:
        """Whether something after the cursor is kept nowhere any more. -1 asks for whatever there is.

        Who stands in a gap has seen what a restored backup does not know.
        """
        if -1 < cursor < self.oldest - 1:
            return True
        return any(low < cursor <= high for low, high in self._gaps)

    def add_waiter(self, topics: Iterable[Topic], waiter: Waiter) -> None:
        """Wake this one at the next entry on any of these topics, or at once when the feed has closed."""
        if self.closed:
            waiter.wake()
            return
        for topic in topics:
            waiters = self._waiters.get(topic)
            if waiters is None:
                waiters = self._waiters[topic] = {}
            waiters[waiter] = None

    def subscribe(self, topics: Iterable[Topic], waiter: Waiter, *, last: bool = False) -> None:
        """Wake this one at every entry on any of these topics, until he leaves; `last`: after all others."""
        if self.closed:
            waiter.wake()
            return
        registry = self._last_subscribers if last else self._subscribers
        for topic in topics:
            registry.setdefault(topic, {})[waiter] = None

    def unsubscribe(self, topics: Iterable[Topic], waiter: Waiter) -> None:
        """Do not wake this one any more."""
        for registry in (self._waiters, self._subscribers, self._last_subscribers):
            for topic in topics:
                waiters = registry.get(topic)
                if waiters is not None:
                    waiters.pop(waiter, None)
                    if not waiters:
                        del registry[topic]

    def close(self) -> None:
        """Send everyone who waits home."""
        self.closed = True
        waiters: dict[Waiter, None] = {}
        for registry in (self._waiters, self._subscribers, self._last_subscribers):
            for registered in registry.values():
                waiters.update(registered)
            registry.clear()
        for waiter in waiters:
            _notify(waiter)

    def waiter_count(self) -> int:
        """How many wait, counted once per topic."""
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
    """The ordinary waiter: a future that resolves when there is more."""

    __slots__ = ("future",)

    def __init__(self) -> None:
        self.future: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def wake(self) -> None:
        if not self.future.done():
            self.future.set_result(None)

    def fail(self, error: Exception) -> None:
        if not self.future.done():
            self.future.set_exception(error)


def _notify(waiter: Waiter) -> None:
    """Wake one. A slip in how he is told ends him alone: neither the others who wait nor the ledger."""
    try:
        waiter.wake()
    except Exception as error:
        log.exception("A listener has failed; it is ended.")
        waiter.fail(error)


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
