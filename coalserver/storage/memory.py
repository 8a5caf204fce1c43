"""The memory store, for tests and trials: its data is gone when the process ends."""

from collections import Counter as Tally
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import floor, inf
from typing import Any, TypeVar

from coalserver.core.ports import (
    ENTRY_COUNTER,
    Batch,
    Counter,
    Entry,
    LineCategory,
    LineCount,
    LineQuery,
    PageKey,
    PlaytimeStats,
    ScreenshotQuery,
    StoredState,
    StoredVisit,
    Topic,
    VisitQuery,
)
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.visits import PresenceMark, Visit
from coalserver.domain.play.player import Player
from coalserver.domain.samples import KEPT_SECONDS, SampleRow, Tallies, merge, step_start
from coalserver.domain.text_search import matches, parse_query
from coalserver.storage.visit_updates import (
    extend_repaired_visits,
    login_line,
    logout_line,
    marks_of,
    update_visits,
    with_tag,
)

T = TypeVar("T")
#: Tag of the lines in a category.
TAGS = {
    LineCategory.CHAT: "chat",
    LineCategory.DEATH: "death",
    LineCategory.ACHIEVEMENT: "achievement",
}


class MemoryStore:
    """A store without a disk. Opening it again returns what was written, like a restart."""

    def __init__(self) -> None:
        self._values: dict[tuple[type, int], Any] = {}
        self._counters: dict[Counter, int] = {}
        self._last_seen: dict[int, float] = {}
        self._entries: list[Entry] = []
        self._history = MemoryHistory()
        #: (series, step, start of the step) -> what was measured.
        self._samples: dict[tuple[str, int, int], Tallies] = {}
        #: Bytes of events and of values that name a game, as the documents of the SQLite store have them, about.
        self._game_bytes: dict[str, int] = {}

    async def open(self) -> StoredState:
        values = [self._values[key] for key in sorted(self._values, key=lambda key: key[1])]
        head = self._counters.get(ENTRY_COUNTER, 0) - 1
        return StoredState(
            values,
            dict(self._counters),
            dict(self._last_seen),
            head,
            self._oldest(),
            self._game_bytes,
        )

    async def write(self, batch: Batch) -> None:
        for key, value in batch.values.items():
            self._count(self._values.get(key), -1)
            self._count(value, 1)
            if value is None:
                self._values.pop(key, None)
            else:
                self._values[key] = value
        for name, count in batch.counters.items():
            self._counters[name] = max(count, self._counters.get(name, count))
        self._last_seen.update(batch.last_seen)
        for kind, id in batch.values:
            if kind is Player and (kind, id) not in self._values:
                self._last_seen.pop(id, None)
        self._entries.extend(batch.entries)
        for entry in batch.entries:
            self._count(entry.event, 1)
        self._history.write(batch)
        for sample in batch.samples:
            for step in KEPT_SECONDS:
                place = sample.series, step, step_start(sample.at, step)
                self._samples[place] = merge(self._samples.get(place, {}), sample.tallies)

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
        for entry in self._entries[:deleted]:
            self._count(entry.event, -1)
        del self._entries[:deleted]
        return self._oldest()

    def _count(self, value: Any, sign: int) -> None:
        game = getattr(value, "game", "")
        if isinstance(game, str) and game:
            self._game_bytes[game] = self._game_bytes.get(game, 0) + sign * len(repr(value))

    async def existing_digests(self, digests: Sequence[bytes]) -> set[bytes]:
        return self._history.digests.intersection(digests)

    async def lines(self, query: LineQuery, limit: int) -> list[LogLine]:
        return self._history.find_lines(query, limit)

    async def line(self, id: int) -> LogLine | None:
        return self._history.lines.get(id)

    async def count_lines(
        self, query: LineQuery, by: Sequence[str] = (), limit: int | None = None
    ) -> list[LineCount]:
        return self._history.count_lines(query, by)[:limit]

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

    async def samples(
        self, series: str, step: int, since: float, before: float, limit: int
    ) -> list[SampleRow]:
        found = (
            SampleRow(at, tallies)
            for (name, length, at), tallies in self._samples.items()
            if (name, length) == (series, step) and since <= at < before
        )
        return sorted(found)[:limit]

    async def delete_expired_samples(self, now: float) -> None:
        for name, step, at in [*self._samples]:
            if at < now - KEPT_SECONDS[step]:
                del self._samples[name, step, at]

    async def close(self) -> None:
        return None

    def _oldest(self) -> int:
        return self._entries[0].id if self._entries else self._counters.get(ENTRY_COUNTER, 0)


class MemoryHistory:
    """Lines, visits and screenshots in plain dictionaries; queries scan all of them."""

    def __init__(self) -> None:
        self.lines: dict[int, LogLine] = {}
        self.digests: set[bytes] = set()
        self.visits: dict[int, StoredVisit] = {}
        self.screenshots: dict[int, Screenshot] = {}
        self._marks: dict[int, list[PresenceMark]] = {}

    def write(self, batch: Batch) -> None:
        for line, digest, _ in batch.lines:
            if digest in self.digests:
                raise ValueError("a line is stored twice")
            self.digests.add(digest)
            self.lines[line.id] = line
        for id, chat in batch.continued_chats.items():
            if id in self.lines:
                self.lines[id] = replace(self.lines[id], chat=chat)
        for world, mark, now in marks_of(batch):
            update_visits(_VisitTable(self, world, now, self._marks.setdefault(world, [])), mark)
        last_times = {line.world: line.at for line, _, _ in batch.lines if line.at is not None}
        for world, at in last_times.items():
            marks = self._marks.setdefault(world, [])
            extend_repaired_visits(_VisitTable(self, world, at, marks), at)
        for id, screenshot in batch.screenshots.items():
            if screenshot is None:
                self.screenshots.pop(id, None)
            else:
                self.screenshots[id] = screenshot

    def find_lines(self, query: LineQuery, limit: int) -> list[LogLine]:
        search = None if query.words is None else parse_query(query.words)
        found = (
            line
            for line in self.lines.values()
            if line.world == query.world
            and (search is not None or line.at is not None)
            and (query.username is None or line.username == query.username != "")
            and (query.tag is None or query.tag in line.tags)
            and (not query.tags or not set(query.tags).isdisjoint(line.tags))
            and (query.category is LineCategory.LINE or TAGS[query.category] in line.tags)
            and (
                search is None or (search and matches(_searched_text(line, query.category), search))
            )
        )
        return _page([((line.at, line.id), line) for line in found], query, limit)

    def count_lines(self, query: LineQuery, by: Sequence[str]) -> list[LineCount]:
        found = self.find_lines(replace(query, words=None), len(self.lines))
        counts = Tally(tuple(str(getattr(line, name)) for name in by) for line in found)
        if not by:
            counts[()] += 0
        return sorted(
            (LineCount(parts, lines) for parts, lines in counts.items()),
            key=lambda count: (-count.lines, count.values),
        )

    def playtime(self, world: int, usernames: Sequence[str]) -> list[PlaytimeStats]:
        found: dict[str, list[Visit]] = {}
        for stored in self.visits.values():
            if stored.world == world and stored.visit.username in usernames:
                found.setdefault(stored.visit.username, []).append(stored.visit)
        return [_playtime(name, visits) for name, visits in found.items()]

    def find_visits(self, query: VisitQuery, limit: int) -> list[StoredVisit]:
        found = (
            stored
            for stored in self.visits.values()
            if stored.world == query.world
            and (query.username is None or stored.visit.username == query.username)
        )
        return _page([((stay.visit.login.at, stay.id), stay) for stay in found], query, limit)

    def find_screenshots(self, query: ScreenshotQuery, limit: int) -> list[Screenshot]:
        found = (
            screenshot
            for screenshot in self.screenshots.values()
            if screenshot.world == query.world
            and (query.account is None or screenshot.account == query.account)
        )
        return _page([((shot.created, shot.id), shot) for shot in found], query, limit)


class _VisitTable:
    """The marks and visits of one world during an update."""

    def __init__(
        self, history: MemoryHistory, world: int, now: float, marks: list[PresenceMark]
    ) -> None:
        self._history, self._world, self._now, self._marks = history, world, now, marks

    def online_names(self, mark: PresenceMark) -> Iterable[str]:
        return {visit.username for visit in self._visits() if visit.open_at(mark) is not None}

    def open_visit(self, username: str, mark: PresenceMark) -> Visit | None:
        earlier = (
            visit for visit in self._visits() if visit.username == username and visit.login < mark
        )
        newest = max(earlier, key=lambda visit: visit.login, default=None)
        world_marks = sorted(other for other in self._marks if not other.username)
        return newest and newest.state_before(mark, world_marks)

    def marks_after(self, username: str, mark: PresenceMark) -> Iterator[PresenceMark]:
        found = (
            other for other in self._marks if other.username in ("", username) and other > mark
        )
        return iter(sorted(found))

    def clear_tags(self, visit: Visit) -> None:
        self._tag(login_line(visit), "")
        self._tag(logout_line(visit), "")

    def delete(self, visit: Visit) -> None:
        del self._history.visits[visit.login.line]

    def insert(self, visit: Visit) -> None:
        id = visit.login.line
        zone = self._history.lines[id].zone
        self._history.visits[id] = StoredVisit(id, self._world, visit, zone, self._now, self._now)
        self._set_tags(visit)

    def update(self, visit: Visit) -> None:
        stored = self._history.visits[visit.login.line]
        self._history.visits[stored.id] = stored._replace(visit=visit, updated=self._now)
        self._set_tags(visit)

    def _set_tags(self, visit: Visit) -> None:
        self._tag(login_line(visit), "login")
        self._tag(logout_line(visit), "logout")

    def record_mark(self, mark: PresenceMark) -> None:
        self._marks.append(mark)
        if mark.line and mark.username and not self._is_boundary(mark.line):
            self._tag(mark.line, "")

    def next_world_mark(self, at: float) -> PresenceMark | None:
        later = (mark for mark in self._marks if not mark.username and mark.order > at)
        return min(later, default=None)

    def replace_mark(self, mark: PresenceMark, changed: PresenceMark) -> None:
        self._marks[self._marks.index(mark)] = changed

    def visits_ended_by(self, mark: PresenceMark, until: float) -> Iterable[Visit]:
        return [visit for visit in self._visits() if visit.logout == mark]

    def _is_boundary(self, line: int) -> bool:
        return any(line in (login_line(visit), logout_line(visit)) for visit in self._visits())

    def _visits(self) -> list[Visit]:
        return [stay.visit for stay in self._history.visits.values() if stay.world == self._world]

    def _tag(self, id: int, tag: str) -> None:
        line = self._history.lines.get(id)
        if line is not None:
            self._history.lines[id] = replace(line, tags=with_tag(line.tags, tag))


def _playtime(username: str, visits: Sequence[Visit]) -> PlaytimeStats:
    ended = (
        max(0.0, end - visit.login.order)
        for visit in visits
        if (end := visit.end_order) is not None
    )
    open_logins = [visit.login.at for visit in visits if visit.logout is None]
    first = min(visit.login.at for visit in visits)
    return PlaytimeStats(username, len(visits), sum(ended), first, max(open_logins, default=None))


def _searched_text(line: LogLine, category: LineCategory) -> str:
    """Return the part of a line that a search in this category covers."""
    return {
        LineCategory.LINE: line.line,
        LineCategory.CHAT: line.chat,
        LineCategory.DEATH: line.message,
        LineCategory.ACHIEVEMENT: line.title,
    }[category]


def _page(
    found: Sequence[tuple[tuple[float | None, int], T]],
    query: LineQuery | VisitQuery | ScreenshotQuery,
    limit: int,
) -> list[T]:
    """Return a page of the found items, newest first unless the query is ascending."""
    since = -inf if query.since is None else query.since
    before = inf if query.before is None else query.before
    bounded = query.since is not None or query.before is not None
    ascending = not isinstance(query, VisitQuery) and query.ascending
    last = _order(query.after) if query.after else (-inf if ascending else inf, 0)
    rows = sorted(((_order(PageKey(*key)), item) for key, item in found), key=lambda row: row[0])
    fits = [
        item
        for order, item in (rows if ascending else reversed(rows))
        if (order > last if ascending else order < last)
        and since <= order[0] < before
        and not (bounded and order[0] == -inf)
    ]
    return fits[:limit]


def _order(key: PageKey) -> tuple[float, int]:
    return (-inf if key.at is None else floor(key.at), key.id)
