"""The batch writer: writes units of work to the store, many together, and publishes them afterwards."""

import asyncio
import logging
import time
from collections.abc import Iterable
from itertools import islice
from operator import attrgetter
from typing import Any, TypeVar

from coalserver.core.feed import Feed
from coalserver.core.ports import Batch, Store, StoreFailed
from coalserver.core.state import State
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState

_digest_of = attrgetter("digest")
log = logging.getLogger(__name__)
T = TypeVar("T")
#: The classes that are sent to subscribers as a whole and not as events.
KINDS: tuple[type, ...] = (Room, SyncedState)
#: Seconds for which the times of players' last activities gather before they are written, and how many of them one
#: batch writes, so that no batch takes long.
SIGN_SECONDS, MAX_SIGNS = 30.0, 256
#: Iterations of the event loop after a batch in which its callers are answered, and their next requests are read: the
#: next batch starts then. Those that are answered together ask again together.
ANSWER_TURNS = 3


class BatchWriter:
    """Group commit without a timer: while one batch is written, the next one gathers."""

    def __init__(self, store: Store, state: State, feed: Feed) -> None:
        self._store = store
        self._state = state
        self._feed = feed
        self.committed = CommittedView(state)
        self._open_batch = Batch()
        #: Futures of the callers of the open batch, and of the batch that is being written.
        self._waiting: list[asyncio.Future[None]] = []
        self._writing: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()
        self._closing = False
        self._failed: BaseException | None = None
        self._write_started: float | None = None
        self._signs = Signs()

    @property
    def write_seconds(self) -> float:
        """Seconds since the current write began; 0 without one. Long if another program locks the database."""
        return 0.0 if self._write_started is None else time.monotonic() - self._write_started

    def commit(self, uow: UnitOfWork) -> "asyncio.Future[None] | None":
        """Apply a unit of work to the state and add it to the open batch.

        Return a future of this caller's own, which resolves when the unit is on disk and with it all
        that it has read. Return None for a unit without changes where everything is on disk.
        Raises StoreFailed after a failed write or after `close`.
        """
        if not (
            uow.changes
            or uow.entries
            or uow.lines
            or uow.world_marks
            or uow.screenshots
            or uow.samples
        ):
            return self._last_write()
        if self._failed is not None or self._closing:
            raise StoreFailed("the batch writer has stopped") from self._failed
        batch, state = self._open_batch, self._state
        for (kind, id), value in uow.changes.items():
            state.set(kind, id, value)
        if uow.derived or batch.derived:
            _merge(batch, uow)
        else:
            batch.values.update(uow.changes)
        batch.entries.extend(uow.entries)
        if uow.lines:
            batch.lines.extend(uow.lines)
            # The lines of a unit have one source. Repeats of numbered and imported lines are found by other means.
            if not uow.lines[0].line.source:
                state.recent.add(map(_digest_of, uow.lines))
                batch.single_lines += len(uow.lines)
            batch.continued_chats.update(uow.continued_chats)
        batch.world_marks.extend(uow.world_marks)
        if uow.screenshots:
            batch.screenshots.update(uow.screenshots)
            deleted = (id for id, screenshot in uow.screenshots.items() if screenshot is None)
            state.deleted_screenshots.update(deleted)
        if uow.samples:
            batch.samples.extend(uow.samples)
        state.counters.update(uow.counters)
        batch.counters.update(uow.counters)
        self._work.set()
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(future)
        return future

    def record_last_seen(self, player: int, at: float) -> None:
        """Write the time of a player's last activity with a batch after `SIGN_SECONDS`, whenever that is."""
        self._signs.gathering[player] = at

    def forget_last_seen(self, players: Iterable[int]) -> None:
        """Do not write the times of players who are about to be deleted."""
        self._signs.forget(players)

    async def flushed(self) -> None:
        """Return when everything committed so far is on disk. Raises StoreFailed."""
        future = self._last_write()
        if future is not None:
            await future

    async def run(self) -> None:
        """Write batches until closed. A failed write stops the writer and is raised."""
        while not (self._closing and not self._waiting):
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                batch, self._open_batch = self._open_batch, Batch()
                self._writing, self._waiting = self._waiting, []
                self._write_started = time.monotonic()
                if self._write_started >= self._signs.due_at:
                    batch.last_seen = self._signs.take(self._write_started)
                try:
                    await self._store.write(batch)
                    callers = len(self._writing)
                    self._publish(batch)
                    for _ in range(ANSWER_TURNS if callers > 1 else 0):
                        await asyncio.sleep(0)
                except BaseException as error:
                    log.critical("A batch could not be written; stopping: %r", error)
                    self._fail(error)
                    raise
                finally:
                    self._write_started = None
        self._open_batch.last_seen = self._signs.take_all()
        if self._open_batch.last_seen:
            await self._store.write(self._open_batch)

    def close(self) -> None:
        """Accept no more units of work; `run` returns after the last batch."""
        self._closing = True
        self._work.set()

    def _last_write(self) -> "asyncio.Future[None] | None":
        """Return a future for the end of the last batch, or None where there is none to write."""
        if self._failed is not None:
            raise StoreFailed("the batch writer has stopped") from self._failed
        waiting = self._waiting or self._writing
        if not waiting:
            return None
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.append(future)
        return future

    def _publish(self, batch: Batch) -> None:
        """Publish a batch that is on disk, then resolve the futures of its callers."""
        self._state.recent.written += batch.single_lines
        self.committed.apply(batch)
        self._feed.publish(batch.entries)
        written, self._writing = self._writing, []
        for future in written:
            # A caller that was cancelled has cancelled its future.
            if not future.done():
                future.set_result(None)

    def _fail(self, error: BaseException) -> None:
        """Fail the futures of the written and of the open batch."""
        self._failed = error
        for future in (*self._writing, *self._waiting):
            if not future.done():
                failure = StoreFailed("a write did not reach the disk")
                failure.__cause__ = error
                future.set_exception(failure)
                # Marks the exception as retrieved: asyncio logs those that nobody awaits.
                future.exception()


class Signs:
    """Times of players' last activities that are not written yet.

    Each is a row of its own: with every batch they would take a tenth of the time of a request that does little else.
    """

    __slots__ = ("gathering", "due_at", "_due")

    def __init__(self) -> None:
        #: Player -> time of the last activity.
        self.gathering: dict[int, float] = {}
        #: Those whose time has come; newer ones gather meanwhile.
        self._due: dict[int, float] = {}
        #: The time, by the monotonic clock, from which on `take` returns any.
        self.due_at = time.monotonic() + SIGN_SECONDS

    def take(self, now: float) -> dict[int, float]:
        """Return those that the next batch writes. `now`: by the monotonic clock."""
        if now < self.due_at:
            return {}
        if not self._due:
            self._due, self.gathering = self.gathering, {}
        if len(self._due) <= MAX_SIGNS:
            taken, self._due = self._due, {}
            self.due_at = now + SIGN_SECONDS
            return taken
        return {player: self._due.pop(player) for player in list(islice(self._due, MAX_SIGNS))}

    def forget(self, players: Iterable[int]) -> None:
        """Drop those of these players."""
        for player in players:
            self.gathering.pop(player, None)
            self._due.pop(player, None)

    def take_all(self) -> dict[int, float]:
        """Return all of them, for the last write."""
        taken = {**self._due, **self.gathering}
        self._due, self.gathering = {}, {}
        return taken


def _merge(batch: Batch, uow: UnitOfWork) -> None:
    """Add a unit with derived values to a batch. A value that is written anyway is written as it is now."""
    for key, value in uow.changes.items():
        if key in uow.derived and key not in batch.values:
            batch.derived[key] = value
        else:
            batch.values[key] = value
            batch.derived.pop(key, None)


class CommittedView:
    """The entities of a few classes as they are on disk and as the feed's newest entry describes them.

    State is ahead of the feed by what is not written yet. A subscriber who is sent an entity and no
    event must not see that: after a crash it would never have existed. The entities are shared with
    State, not copied.
    """

    def __init__(self, state: State) -> None:
        self._values: dict[type, dict[int, Any]] = {kind: {} for kind in KINDS}
        for kind, values in self._values.items():
            everything: Iterable[Any] = state.all(kind)
            values.update((value.id, value) for value in everything)

    def get(self, kind: type[T], id: int) -> T | None:
        """Return the entity with this id, or None."""
        return self._values[kind].get(id)

    def apply(self, batch: Batch) -> None:
        """Take over a batch that is on disk and about to be published."""
        for changes in (batch.values, batch.derived):
            for (kind, id), value in changes.items():
                values = self._values.get(kind)
                if values is None:
                    continue
                if value is None:
                    values.pop(id, None)
                else:
                    values[id] = value
