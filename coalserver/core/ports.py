"""Ports: the protocols of a store and the values that they exchange. Times are UTC, in seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, auto
from typing import Any, NamedTuple, Protocol

from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.minecraft.visits import PresenceMark, Visit
from coalserver.domain.samples import Sample, SampleRow

#: A counter of the ids of a class, or one with a name.
Counter = type | str
#: The counter of entry ids.
ENTRY_COUNTER = "entry"
#: Prefix of counters that record a restored backup: value: last id in it; end of the name: last id issued.
GAP_COUNTER_PREFIX = "gap before "

#: A topic of the feed: its subject and an id, a tag or an empty text.
Topic = tuple[str, int | str]


class Entry(NamedTuple):
    """An event with its id, time and topics. Ids count from 0; no id is issued twice."""

    id: int
    at: float
    event: Any
    topics: tuple[Topic, ...]


class StoredState(NamedTuple):
    """All that a store holds when it is opened."""

    values: Iterable[Any]
    counters: Mapping[Counter, int]
    #: Time of each player's last activity.
    last_seen: Mapping[int, float]
    #: Id of the newest entry, -1 before the first.
    head: int
    #: Id of the oldest entry; head + 1 if there is none.
    oldest: int
    #: Bytes of each game in the store, by tag. The store changes it after every write.
    game_bytes: Mapping[str, int] = {}


class NewLogLine(NamedTuple):
    """A log line to be written. A store never has two lines with one digest."""

    line: LogLine
    digest: bytes
    #: The login or logout that the line reports, by which the store updates the visits.
    mark: PresenceMark | None = None


class WorldMark(NamedTuple):
    """A mark without a line: a hosted world was stopped and saved."""

    world: int
    mark: PresenceMark


@dataclass(slots=True)
class Batch:
    """What is written in one transaction. It has the last value of an entity that changed twice."""

    #: (class, id) -> entity, or None for a deleted one.
    values: dict[tuple[type, int], Any] = field(default_factory=dict)
    #: The same for entities that are not written, since a restart derives them.
    derived: dict[tuple[type, int], Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    counters: dict[Counter, int] = field(default_factory=dict)
    last_seen: dict[int, float] = field(default_factory=dict)
    #: Additions to the history, in the order of their commands.
    lines: list[NewLogLine] = field(default_factory=list)
    #: How many of the lines were sent singly, without a source.
    single_lines: int = 0
    world_marks: list[WorldMark] = field(default_factory=list)
    #: Line id -> the text of a stored chat with the lines that continue it.
    continued_chats: dict[int, str] = field(default_factory=dict)
    #: Id -> screenshot, or None for a deleted one.
    screenshots: dict[int, Screenshot | None] = field(default_factory=dict)
    samples: list[Sample] = field(default_factory=list)


class LineCategory(StrEnum):
    """The part of a line that is searched. All but LINE are lists of their own, too."""

    LINE = auto()
    CHAT = auto()
    DEATH = auto()
    ACHIEVEMENT = auto()


class PageKey(NamedTuple):
    """A position in a list that is newest first: that of the last item of a page. None is older than all times."""

    at: float | None
    id: int


@dataclass(frozen=True, slots=True)
class LineQuery:
    """A query for lines of a world. Lines without a time are found only with `words`."""

    world: int
    category: LineCategory = LineCategory.LINE
    #: Search text as typed; None: all lines. A text without any word finds nothing.
    words: str | None = None
    username: str | None = None
    tag: str | None = None
    #: Inclusive and exclusive limits of the time; whole seconds.
    since: float | None = None
    before: float | None = None
    after: PageKey | None = None
    #: Lines with any of these tags; empty: all lines.
    tags: tuple[str, ...] = ()
    #: Oldest first: `after` is then the newest line of the previous page.
    ascending: bool = False


class LineCount(NamedTuple):
    """The number of lines with these values of the requested fields, in the requested order."""

    values: tuple[str, ...]
    lines: int


class PlaytimeStats(NamedTuple):
    """A visitor's visits to a world: their number and total length."""

    username: str
    visits: int
    #: Total of the ended visits. Visits with a logout before their login, after a change of the clock, count as 0.
    seconds: float
    #: The first login.
    first_login: float
    #: Login of the visit that has not ended, or None.
    online_since: float | None


@dataclass(frozen=True, slots=True)
class VisitQuery:
    """A query for visits to a world."""

    world: int
    username: str | None = None
    #: Inclusive and exclusive limits of the login.
    since: float | None = None
    before: float | None = None
    after: PageKey | None = None


class StoredVisit(NamedTuple):
    """A visit as stored. Its id is that of the line that reports the login."""

    id: int
    world: int
    visit: Visit
    #: The time zone in which login and logout were logged.
    zone: str
    created: float
    updated: float


@dataclass(frozen=True, slots=True)
class ScreenshotQuery:
    """A query for screenshots of a world."""

    world: int
    account: int | None = None
    #: Inclusive and exclusive limits of the upload.
    since: float | None = None
    before: float | None = None
    after: PageKey | None = None
    #: Oldest first: `after` is then the newest screenshot of the previous page.
    ascending: bool = False


class StoreFailed(Exception):
    """A write has failed: what waited for it did not happen."""


class History(Protocol):
    """The stored history. Lists are newest first, by (time, id), so that late additions do not shift pages."""

    async def existing_digests(self, digests: Sequence[bytes]) -> set[bytes]:
        """Return those of the digests that belong to a stored line."""

    async def lines(self, query: LineQuery, limit: int) -> list[LogLine]:
        """Return the newest `limit` lines by their times. Accepts any text in `words`."""

    async def line(self, id: int) -> LogLine | None:
        """Return the line with this id, or None."""

    async def count_lines(
        self, query: LineQuery, by: Sequence[str] = (), limit: int | None = None
    ) -> list[LineCount]:
        """Return the number of lines with a time, regardless of `words`, by values of `by`, largest first.

        `limit`: the number of counts, at most. `by` may contain `username`, `death`, `killer` and `message`.
        """

    async def visits(self, query: VisitQuery, limit: int) -> list[StoredVisit]:
        """Return the newest `limit` visits by login."""

    async def visit(self, id: int) -> StoredVisit | None:
        """Return the visit with this id, or None."""

    async def playtime(self, world: int, usernames: Sequence[str]) -> list[PlaytimeStats]:
        """Return the statistics of those of the visitors who have visits, in no order."""

    async def screenshots(self, query: ScreenshotQuery, limit: int) -> list[Screenshot]:
        """Return the newest `limit` screenshots by upload."""

    async def screenshot(self, id: int) -> Screenshot | None:
        """Return the screenshot with this id, or None."""

    async def samples(
        self, series: str, step: int, since: float, before: float, limit: int
    ) -> list[SampleRow]:
        """Return the oldest `limit` rows of a series and step that start in this time, oldest first."""


class Store(History, Protocol):
    """A store for everything. It has one writer: calls of `write` never overlap."""

    async def open(self) -> StoredState:
        """Open the store, migrate an old one, and return what it holds."""

    async def write(self, batch: Batch) -> None:
        """Write a batch completely or not at all; it is durable on return. Raises StoreFailed."""

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        """Return the oldest `limit` entries on any of the topics with larger ids, ascending, each once."""

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        """Return the newest `limit` entries of one topic, ascending."""

    async def delete_expired_entries(self, before: float, keep: int) -> int:
        """Delete entries older than a time except the newest `keep`; return the oldest id left."""

    async def delete_expired_samples(self, now: float) -> None:
        """Delete rows of samples that are older than those of their step are kept."""

    async def close(self) -> None:
        """Close the store. Does nothing if it is closed."""
