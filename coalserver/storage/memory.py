"""The memory store: keeps everything for as long as it lives. For tests and trials."""

from collections.abc import Sequence
from typing import Any

from coalserver.core.ports import (
    ENTRY_COUNTER,
    Batch,
    Counter,
    Entry,
    LineCount,
    LineQuery,
    PlaytimeStats,
    ScreenshotQuery,
    StoredState,
    StoredVisit,
    Topic,
    VisitQuery,
)
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.storage.memory_history import MemoryHistory


class MemoryStore:
    """A store without a disk. Opening it again gives what was written, as a restart would."""

    def __init__(self) -> None:
        self._values: dict[tuple[type, int], Any] = {}
        self._counters: dict[Counter, int] = {}
        self._last_seen: dict[int, float] = {}
        self._entries: list[Entry] = []
        self._history = MemoryHistory()

    async def open(self) -> StoredState:
        values = [self._values[key] for key in sorted(self._values, key=lambda key: key[1])]
        head = self._counters.get(ENTRY_COUNTER, 0) - 1
        return StoredState(
            values, dict(self._counters), dict(self._last_seen), head, self._oldest()
        )

    async def write(self, batch: Batch) -> None:
        for key, value in batch.values.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
        for name, count in batch.counters.items():
            self._counters[name] = max(count, self._counters.get(name, count))
        self._last_seen.update(batch.last_seen)
        self._entries.extend(batch.entries)
        self._history.write(batch)

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        wanted = set(topics)
        found = (
            entry
            for entry in self._entries
            if entry.id > after and wanted.intersection(entry.topics)
        )
        return [entry for entry, _ in zip(found, range(limit), strict=False)]

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        return [entry for entry in self._entries if topic in entry.topics][-limit:]

    async def delete_expired_entries(self, before: float, keep: int) -> int:
        deletable = len(self._entries) - keep
        deleted = 0
        while deleted < deletable and self._entries[deleted].at < before:
            deleted += 1
        del self._entries[:deleted]
        return self._oldest()

    async def existing_digests(self, digests: Sequence[bytes]) -> set[bytes]:
        return self._history.digests.intersection(digests)

    async def lines(self, query: LineQuery, limit: int) -> list[LogLine]:
        return self._history.find_lines(query, limit)

    async def line(self, id: int) -> LogLine | None:
        return self._history.lines.get(id)

    async def count_lines(self, query: LineQuery, by: Sequence[str] = ()) -> list[LineCount]:
        return self._history.count_lines(query, by)

    async def playtime(self, world: int, usernames: Sequence[str]) -> list[PlaytimeStats]:
        return self._history.playtime(world, usernames)

    async def visits(self, query: VisitQuery, limit: int) -> list[StoredVisit]:
        return self._history.find_visits(query, limit)

    async def visit(self, id: int) -> StoredVisit | None:
        return self._history.visits.get(id)

    async def screenshots(self, query: ScreenshotQuery, limit: int) -> list[Screenshot]:
        return self._history.find_screenshots(query, limit)

    async def screenshot(self, id: int) -> Screenshot | None:
        return self._history.screenshots.get(id)

    async def close(self) -> None:
        return None

    def _oldest(self) -> int:
        return self._entries[0].id if self._entries else self._counters.get(ENTRY_COUNTER, 0)
