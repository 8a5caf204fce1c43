"""The memory store: keeps everything for as long as it lives. For tests and trials."""

from collections.abc import Sequence
from typing import Any

from coalserver.core.ports import (
    ENTRIES,
    Attendance,
    Batch,
    Counted,
    Counter,
    Entry,
    Known,
    Lines,
    Screenshots,
    Stay,
    Topic,
    Visits,
)
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.storage.memory_history import MemoryHistory


class MemoryStore:
    """A store without a disk. Opening it again gives what was written, as a restart would."""

    def __init__(self) -> None:
        self._values: dict[tuple[type, int], Any] = {}
        self._counters: dict[Counter, int] = {}
        self._signs: dict[int, float] = {}
        self._entries: list[Entry] = []
        self._history = MemoryHistory()

    async def open(self) -> Known:
        values = [self._values[key] for key in sorted(self._values, key=lambda key: key[1])]
        head = self._counters.get(ENTRIES, 0) - 1
        return Known(values, dict(self._counters), dict(self._signs), head, self._oldest())

    async def write(self, batch: Batch) -> None:
        for key, value in batch.values.items():
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
        for name, count in batch.counters.items():
            self._counters[name] = max(count, self._counters.get(name, count))
        self._signs.update(batch.signs)
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

    async def forget(self, before: float, keep: int) -> int:
        spared = len(self._entries) - keep
        gone = 0
        while gone < spared and self._entries[gone].at < before:
            gone += 1
        del self._entries[:gone]
        return self._oldest()

    async def known(self, digests: Sequence[bytes]) -> set[bytes]:
        return self._history.digests.intersection(digests)

    async def lines(self, wanted: Lines, limit: int) -> list[LogLine]:
        return self._history.find_lines(wanted, limit)

    async def line(self, id: int) -> LogLine | None:
        return self._history.lines.get(id)

    async def count(self, wanted: Lines, by: Sequence[str] = ()) -> list[Counted]:
        return self._history.count_lines(wanted, by)

    async def attendance(self, world: int, usernames: Sequence[str]) -> list[Attendance]:
        return self._history.attendance(world, usernames)

    async def visits(self, wanted: Visits, limit: int) -> list[Stay]:
        return self._history.find_stays(wanted, limit)

    async def visit(self, id: int) -> Stay | None:
        return self._history.stays.get(id)

    async def screenshots(self, wanted: Screenshots, limit: int) -> list[Screenshot]:
        return self._history.find_screenshots(wanted, limit)

    async def screenshot(self, id: int) -> Screenshot | None:
        return self._history.screenshots.get(id)

    async def close(self) -> None:
        return None

    def _oldest(self) -> int:
        return self._entries[0].id if self._entries else self._counters.get(ENTRIES, 0)
