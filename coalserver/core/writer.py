"""The ledger: writes units to the store, many together, and only then lets anybody hear of them."""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any, TypeVar

from coalserver.core.feed import Feed
from coalserver.core.ports import Batch, Store, StoreFailed
from coalserver.core.state import State
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.domain.play.room import Room
from coalserver.domain.play.synced_state import SyncedState

log = logging.getLogger(__name__)
T = TypeVar("T")
#: The classes of which listeners are told values.
KINDS: tuple[type, ...] = (Room, SyncedState)


class BatchWriter:
    """Group commit without a timer: while one batch is written, the next gathers."""

    def __init__(self, store: Store, state: State, feed: Feed) -> None:
        self._store = store
        self._state = state
        self._feed = feed
        self.committed = CommittedView(state)
        self._open_batch = Batch()
        #: Who waits for the open batch, and who for the one that is being written.
        self._waiting: list[asyncio.Future[None]] = []
        self._writing: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()
        self._closing = False
        self._failed: BaseException | None = None

    def commit(self, uow: UnitOfWork) -> "asyncio.Future[None]":
        """Make a unit's changes true in memory; the future, this caller's own, resolves when they are on disk."""
        if self._failed is not None or self._closing:
            raise StoreFailed("the ledger has ended") from self._failed
        batch = self._open_batch
        for (kind, id), value in uow.changes.items():
            self._state.set(kind, id, value)
        if uow.derived or batch.derived:
            _merge(batch, uow)
        else:
            batch.values.update(uow.changes)
        batch.entries.extend(uow.entries)
        if uow.lines:
            batch.lines.extend(uow.lines)
            self._state.recent.add(filed.digest for filed in uow.lines)
        batch.world_marks.extend(uow.world_marks)
        if uow.screenshots:
            batch.screenshots.update(uow.screenshots)
            deleted = (id for id, screenshot in uow.screenshots.items() if screenshot is None)
            self._state.deleted_screenshots.update(deleted)
        self._state.counters.update(uow.counters)
        batch.counters.update(uow.counters)
        self._work.set()
        return _add_future(self._waiting)

    def record_last_seen(self, player: int, at: float) -> None:
        """Write a player's last sign of life with the next batch, whenever that is."""
        self._open_batch.last_seen[player] = at

    async def flushed(self) -> None:
        """Return when everything committed so far is on disk."""
        if self._failed is not None:
            raise StoreFailed("the ledger has ended") from self._failed
        waiting = self._waiting or self._writing
        if waiting:
            await _add_future(waiting)

    async def run(self) -> None:
        """Write until closed. A write that fails ends the ledger, and is raised."""
        while not (self._closing and not self._waiting):
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                await self._write_one()
        if self._open_batch.last_seen:
            await self._store.write(self._open_batch)

    def close(self) -> None:
        """Take no more; `run` returns after the last batch."""
        self._closing = True
        self._work.set()

    async def _write_one(self) -> None:
        try:
            batch, self._open_batch = self._open_batch, Batch()
            self._writing, self._waiting = self._waiting, []
            await self._store.write(batch)
            self._state.recent.written += len(batch.lines)
            self.committed.apply(batch)
            self._feed.publish(batch.entries)
        except BaseException as error:
            log.critical("The ledger failed; stopping: %r", error)
            self._failed = error
            self._fail((*self._writing, *self._waiting))
            raise
        written, self._writing = self._writing, []
        for future in written:
            # Some may have given up.
            if not future.done():
                future.set_result(None)

    def _fail(self, futures: "Iterable[asyncio.Future[None]]") -> None:
        for future in futures:
            if not future.done():
                error = StoreFailed("a write did not reach the disk")
                error.__cause__ = self._failed
                future.set_exception(error)
                # Nobody may be waiting; that is no news.
                future.exception()


def _add_future(waiting: "list[asyncio.Future[None]]") -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append(future)
    return future


def _merge(batch: Batch, uow: UnitOfWork) -> None:
    """Add a unit of which something need not be written. What is written anyway is written as it is now."""
    for key, value in uow.changes.items():
        if key in uow.derived and key not in batch.values:
            batch.derived[key] = value
        else:
            batch.values[key] = value
            batch.derived.pop(key, None)


class CommittedView:
    """The newest values that were written, of a few classes. They are State's own: a name more, no copy."""

    def __init__(self, state: State) -> None:
        self._values: dict[type, dict[int, Any]] = {kind: {} for kind in KINDS}
        for kind, values in self._values.items():
            everything: Iterable[Any] = state.all(kind)
            values.update((value.id, value) for value in everything)

    def get(self, kind: type[T], id: int) -> T | None:
        return self._values[kind].get(id)

    def apply(self, batch: Batch) -> None:
        """A batch is on disk and is about to be said."""
        for changes in (batch.values, batch.derived):
            for (kind, id), value in changes.items():
                values = self._values.get(kind)
                if values is None:
                    continue
                if value is None:
                    values.pop(id, None)
                else:
                    values[id] = value
