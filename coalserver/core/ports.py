"""What the core needs from a store, and the values that cross over. Times are UTC, in seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any, NamedTuple, Protocol

from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.visits import PresenceMark, Visit

#: What a counter counts: ids of a class, or whatever the text names.
Counter = type | str
#: The counter of entry ids.
ENTRY_COUNTER = "entry"
#: Counters of this name keep, for each restored backup, the last id it knew; the name ends with the last given out.
GAP_COUNTER_PREFIX = "gap before "

#: What one listens to: a subject and, mostly, its id.
Topic = tuple[str, int | str]


class Entry(NamedTuple):
    """An event with its id, its time and its topics. Ids count from 0 and none comes twice."""

    id: int
    at: float
    event: Any
    topics: tuple[Topic, ...]


class StoredState(NamedTuple):
    """All that was kept: what a server begins with."""

    values: Iterable[Any]
    counters: Mapping[Counter, int]
    #: When each player gave the last sign of life.
    last_seen: Mapping[int, float]
    #: Id of the newest entry, -1 before the first.
    head: int
    #: Id of the oldest entry still kept; head + 1 when none is.
    oldest: int


class NewLogLine(NamedTuple):
    """A log line on its way to disk. No two lines with one digest are ever kept."""

    line: LogLine
    digest: bytes
    #: What it says of who is there, if anything: the store mends the visits by it.
    mark: PresenceMark | None = None


class WorldMark(NamedTuple):
    """A mark that no line made: what hosts a world has put it away."""

    world: int
    mark: PresenceMark


@dataclass(slots=True)
class Batch:
    """What is written together. Of a value that changed twice only the last is here."""

    #: (class, id) -> value, or None for a value that is no more.
    values: dict[tuple[type, int], Any] = field(default_factory=dict)
    #: Likewise what is not written, since a start makes it again of what is.
    derived: dict[tuple[type, int], Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    counters: dict[Counter, int] = field(default_factory=dict)
    last_seen: dict[int, float] = field(default_factory=dict)
    #: History, which is not held in memory. In the order in which it came.
    lines: list[NewLogLine] = field(default_factory=list)
    world_marks: list[WorldMark] = field(default_factory=list)
    #: Id -> screenshot, or None for one that is no more.
    screenshots: dict[int, Screenshot | None] = field(default_factory=dict)


class LineCategory(StrEnum):
    """What of a line words are looked for in; all but LINE are lists of their own."""

    LINE = auto()
    CHAT = auto()
    DEATH = auto()
    ACHIEVEMENT = auto()


class PageKey(NamedTuple):
    """Where one is in a list that is newest first: the last one seen. None is older than all times."""

    at: float | None
    id: int


@dataclass(frozen=True, slots=True)
class LineQuery:
    """Which lines of a world one wants. Those without a time come only where words are looked for."""

    world: int
    category: LineCategory = LineCategory.LINE
    #: As somebody typed them; None: whatever was said. Where there is no word in them nothing is found.
    words: str | None = None
    username: str | None = None
    tag: str | None = None
    #: Inclusive, and exclusive. They count whole seconds.
    since: float | None = None
    before: float | None = None
    after: PageKey | None = None
    #: Lines that have any of these; empty: whatever they have.
    tags: tuple[str, ...] = ()
    #: The oldest first instead: `after` is then the last one seen on the way up.
    ascending: bool = False


class LineCount(NamedTuple):
    """So many lines have these in common: what was asked for, in that order."""

    values: tuple[str, ...]
    lines: int


class PlaytimeStats(NamedTuple):
    """How often and how long somebody has been in a world, as far as his visits have ended."""

    username: str
    visits: int
    #: Of visits that have ended, by the order of their marks: a clock that is put back counts for nothing.
    seconds: float
    #: The first login.
    first_login: float
    #: When the visit began that has not ended.
    online_since: float | None


@dataclass(frozen=True, slots=True)
class VisitQuery:
    """Which visits to a world one wants."""

    world: int
    username: str | None = None
    #: Of the login: inclusive, and exclusive.
    since: float | None = None
    before: float | None = None
    after: PageKey | None = None


class StoredVisit(NamedTuple):
    """A visit as it is kept. Its id is that of the line that says the login."""

    id: int
    world: int
    visit: Visit
    #: In which login and logout were written.
    zone: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class ScreenshotQuery:
    """Which screenshots of a world one wants."""

    world: int
    account: int | None = None
    #: Of when they were put there: inclusive, and exclusive.
    since: float | None = None
    before: float | None = None
    after: PageKey | None = None


class StoreFailed(Exception):
    """A write did not reach the disk. Whoever waited for it must not be told that it did."""


class History(Protocol):
    """What is kept for good. Every list is newest first, by (time, id), so that what comes late moves no page."""

    async def existing_digests(self, digests: Sequence[bytes]) -> set[bytes]:
        """Those of these digests of which there is a line."""

    async def lines(self, query: LineQuery, limit: int) -> list[LogLine]:
        """The newest `limit` lines, by when they were written; any words give an answer."""

    async def line(self, id: int) -> LogLine | None: ...

    async def count_lines(self, query: LineQuery, by: Sequence[str] = ()) -> list[LineCount]:
        """How many lines with a time there are, whatever was said; of each value of `by`, the most first.

        `by` may be `username`, `death`, `killer` and `message`.
        """

    async def visits(self, query: VisitQuery, limit: int) -> list[StoredVisit]:
        """The newest `limit` visits, by login."""

    async def visit(self, id: int) -> StoredVisit | None: ...

    async def playtime(self, world: int, usernames: Sequence[str]) -> list[PlaytimeStats]:
        """Of each of these who has ever visited, in no order."""

    async def screenshots(self, query: ScreenshotQuery, limit: int) -> list[Screenshot]:
        """The newest `limit` screenshots, by when they were put there."""

    async def screenshot(self, id: int) -> Screenshot | None: ...


class Store(History, Protocol):
    """Where everything is kept. One writer: `write` is never called twice at once."""

    async def open(self) -> StoredState:
        """Make ready, bring old files up to date, and give what was kept."""

    async def write(self, batch: Batch) -> None:
        """Put a batch on disk, wholly or not at all; it is durable when this returns."""

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        """The oldest `limit` entries on any of these topics with larger ids, ascending, each once."""

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        """The newest `limit` entries of one topic, ascending."""

    async def delete_expired_entries(self, before: float, keep: int) -> int:
        """Drop entries older than a time, but never the newest `keep`; gives the oldest id kept."""

    async def close(self) -> None:
        """Let go of the file. Safe to call twice."""
