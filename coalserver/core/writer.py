"""The ledger: writes units to the store, many together, and only then lets anybody hear of them."""

import asyncio
import logging
from collections.abc import Iterable

from coalserver.core.committed import Shown
from coalserver.core.feed import Feed
from coalserver.core.ports import Batch, Store, StoreFailed
from coalserver.core.state import State
from coalserver.core.unit_of_work import Unit

log = logging.getLogger(__name__)


class Ledger:
    """Group commit without a timer: while one batch is written, the next gathers."""

    def __init__(self, store: Store, state: State, feed: Feed) -> None:
        self._store = store
        self._state = state
        self._feed = feed
        self.shown = Shown(state)
        self._open = Batch()
        #: Who waits for the open batch, and who for the one that is being written.
        self._waiting: list[asyncio.Future[None]] = []
        self._landing: list[asyncio.Future[None]] = []
        self._work = asyncio.Event()
        self._closing = False
        self._failed: BaseException | None = None

    def commit(self, unit: Unit) -> "asyncio.Future[None]":
        """Make a unit's changes true in memory; the future, this caller's own, resolves when they are on disk."""
        if self._failed is not None or self._closing:
            raise StoreFailed("the ledger has ended") from self._failed
        batch = self._open
        for (kind, id), value in unit.changes.items():
            self._state.set(kind, id, value)
        if unit.derived or batch.derived:
            _gather(batch, unit)
        else:
            batch.values.update(unit.changes)
        batch.entries.extend(unit.entries)
        if unit.lines:
            batch.lines.extend(unit.lines)
            self._state.recent.take(filed.digest for filed in unit.lines)
        batch.sightings.extend(unit.sightings)
        if unit.screenshots:
            batch.screenshots.update(unit.screenshots)
            gone = (id for id, screenshot in unit.screenshots.items() if screenshot is None)
            self._state.taken_down.update(gone)
        self._state.counters.update(unit.counters)
        batch.counters.update(unit.counters)
        self._work.set()
        return _one_more(self._waiting)

    def note_sign(self, player: int, at: float) -> None:
        """Write a player's last sign of life with the next batch, whenever that is."""
        self._open.signs[player] = at

    async def settled(self) -> None:
        """Return when everything committed so far is on disk."""
        if self._failed is not None:
            raise StoreFailed("the ledger has ended") from self._failed
        batch = self._waiting or self._landing
        if batch:
            await _one_more(batch)

    async def run(self) -> None:
        """Write until closed. A write that fails ends the ledger, and is raised."""
        while not (self._closing and not self._waiting):
            await self._work.wait()
            self._work.clear()
            while self._waiting:
                await self._write_one()
        if self._open.signs:
            await self._store.write(self._open)

    def close(self) -> None:
        """Take no more; `run` returns after the last batch."""
        self._closing = True
        self._work.set()

    async def _write_one(self) -> None:
        try:
            batch, self._open = self._open, Batch()
            self._landing, self._waiting = self._waiting, []
            await self._store.write(batch)
            self._state.recent.landed += len(batch.lines)
            self.shown.take(batch)
            self._feed.publish(batch.entries)
        except BaseException as fault:
            log.critical("The ledger failed; stopping: %r", fault)
            self._failed = fault
            self._fail((*self._landing, *self._waiting))
            raise
        landed, self._landing = self._landing, []
        for future in landed:
            # Some may have given up.
            if not future.done():
                future.set_result(None)

    def _fail(self, futures: "Iterable[asyncio.Future[None]]") -> None:
        for future in futures:
            if not future.done():
                fault = StoreFailed("a write did not reach the disk")
                fault.__cause__ = self._failed
                future.set_exception(fault)
                # Nobody may be waiting; that is no news.
                future.exception()


def _one_more(waiting: "list[asyncio.Future[None]]") -> "asyncio.Future[None]":
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    waiting.append(future)
    return future


def _gather(batch: Batch, unit: Unit) -> None:
    """Add a unit of which something need not be written. What is written anyway is written as it is now."""
    for key, value in unit.changes.items():
        if key in unit.derived and key not in batch.values:
            batch.derived[key] = value
        else:
            batch.values[key] = value
            batch.derived.pop(key, None)
