"""What the core needs from a store, and the values that cross over. Times are UTC, in seconds."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

#: What one listens to: a subject and, mostly, its id.
Topic = tuple[str, int | str]


class Entry(NamedTuple):
    """An event with its id, its time and its topics. Ids count from 0 and none comes twice."""

    id: int
    at: float
    event: Any
    topics: tuple[Topic, ...]


class Known(NamedTuple):
    """All that was kept: what a server begins with."""

    values: Iterable[Any]
    counters: Mapping[str, int]
    #: When each player gave the last sign of life.
    signs: Mapping[int, float]
    #: Id of the newest entry, -1 before the first.
    head: int
    #: Id of the oldest entry still kept; head + 1 when none is.
    oldest: int


@dataclass(slots=True)
class Batch:
    """What is written together. Of a value that changed twice only the last is here."""

    #: (class, id) -> value, or None for a value that is no more.
    values: dict[tuple[type, int], Any] = field(default_factory=dict)
    #: Likewise what is not written, since a start makes it again of what is.
    derived: dict[tuple[type, int], Any] = field(default_factory=dict)
    entries: list[Entry] = field(default_factory=list)
    counters: dict[str, int] = field(default_factory=dict)
    signs: dict[int, float] = field(default_factory=dict)


class StoreFailed(Exception):
    """A write did not reach the disk. Whoever waited for it must not be told that it did."""


class Store(Protocol):
    """Where everything is kept. One writer: `write` is never called twice at once."""

    async def open(self) -> Known:
        """Make ready, bring old files up to date, and give what was kept."""

    async def write(self, batch: Batch) -> None:
        """Put a batch on disk, wholly or not at all; it is durable when this returns."""

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        """The oldest `limit` entries on any of these topics with larger ids, ascending, each once."""

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        """The newest `limit` entries of one topic, ascending."""

    async def forget(self, before: float, keep: int) -> int:
        """Drop entries older than a time, but never the newest `keep`; gives the oldest id kept."""

    async def close(self) -> None:
        """Let go of the file. Safe to call twice."""
