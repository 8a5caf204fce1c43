"""Due times: which entities of a class expire when, so that upkeep looks only at those that are due."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from heapq import heappop, heappush
from itertools import islice
from typing import Any

from coalserver.core.state import State

#: Of times that are looked at once a minute. Ids take 8 bytes each, and have no order within a bucket.
BUCKET_SECONDS = 300


class DueTimes:
    """The ids of one class in order of a time before which nothing has to be done for them.

    `due(entity, now)` returns that time, in seconds, or None for never. It may be too early, since the entity is looked
    at again then, but an entity that changes later must not fall due earlier than it has said. New entities are found
    by their ids, which ascend, so that nothing has to be done when they are made. Times within
    `bucket_seconds` are kept together.
    """

    def __init__(
        self,
        state: State,
        kind: type,
        due: Callable[[Any, float], float | None],
        bucket_seconds: float = BUCKET_SECONDS,
    ) -> None:
        self._state = state
        self._kind = kind
        self._due = due
        self._bucket_seconds = bucket_seconds
        self.clear()

    def clear(self) -> None:
        """Forget all times: all entities are read again. For steps of the clock."""
        self._buckets: dict[int, array[int]] = {}
        #: The numbers of the buckets, as a heap.
        self._order: list[int] = []
        self._next_id: int | None = None
        self._unread: Iterator[int] = iter(())

    def read(self, now: float, limit: int) -> bool:
        """Note the times of up to `limit` entities that are new; return whether there are more."""
        last = self._state.counters.get(self._kind, 1)
        if self._next_id is None:
            table: Mapping[int, Any] = self._state.table(self._kind)
            # Few of the ids that were issued may be left.
            self._unread = iter(sorted(table) if 8 * len(table) < last else range(1, last))
            self._next_id = last
        ids = list(islice(self._unread, limit))
        new = range(self._next_id, min(last, self._next_id + limit - len(ids)))
        self._next_id += len(new)
        ids += new
        self.put(ids, now)
        return len(ids) == limit

    def put(self, ids: Iterable[int], now: float) -> None:
        """Note the times of entities anew; those that do not exist, and those that are never due, are left out."""
        table: Mapping[int, Any] = self._state.table(self._kind)
        due, buckets = self._due, self._buckets
        for id in ids:
            entity = table.get(id)
            at = None if entity is None else due(entity, now)
            if at is not None:
                number = int(at // self._bucket_seconds)
                bucket = buckets.get(number)
                if bucket is None:
                    bucket = buckets[number] = array("q")
                    heappush(self._order, number)
                bucket.append(id)

    def take(self, now: float) -> Sequence[int]:
        """Remove and return the ids of which some may be due."""
        taken: array[int] = array("q")
        while self._order and self._order[0] <= now // self._bucket_seconds:
            taken += self._buckets.pop(heappop(self._order))
        return taken

    def due_ids(self, ids: Iterable[int], now: float) -> list[int]:
        """Return those of the ids that are due."""
        table: Mapping[int, Any] = self._state.table(self._kind)
        due = self._due
        return [
            id
            for id in ids
            if (entity := table.get(id)) is not None
            and (at := due(entity, now)) is not None
            and at <= now
        ]
