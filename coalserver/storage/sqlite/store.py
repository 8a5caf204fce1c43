"""The SQLite store: one file with one writer; it reads and writes documents (see codec.py) in batches."""

import asyncio
import logging
import os
import sqlite3
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

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
    StoreFailed,
    Topic,
    VisitQuery,
)
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.domain.play.player import Player
from coalserver.domain.samples import SampleRow
from coalserver.observability.limited_log import LimitedLog
from coalserver.storage import codec
from coalserver.storage.sqlite import events as history
from coalserver.storage.sqlite import free_pages, game_sizes, log_lines
from coalserver.storage.sqlite import samples as sqlite_samples
from coalserver.storage.sqlite import visits as sqlite_visits
from coalserver.storage.sqlite.schema import (
    LOCK_WARNING_SECONDS,
    NotAStore,
    StoreUnusable,
    copy,
    migrate,
    transaction,
)

T = TypeVar("T")

#: The largest integer of SQLite.
MAX_INTEGER = 2**63 - 1
#: Documents that are read at once when a store is opened, and about how many bytes of them.
MAX_PAGE_ROWS, PAGE_BYTES = 2000, 1 << 20
#: Pages that the writing connection keeps in memory.
WRITER_CACHE_KIB = 8192
#: Pages of the write-ahead log from which on a commit also copies them into the file, for which everyone waits. Most
#: pages are written many times, and are copied once.
CHECKPOINT_PAGES = 4000
#: Free bytes of a file that cannot give them back, from which on the log says what can.
COMPACTION_BYTES = 64 << 20
#: Result codes of SQLite for a damaged file.
DAMAGE_CODES = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
#: A store logs one error in this time.
LOG_SECONDS = 60
DELETE_SIGN = "DELETE FROM sign WHERE player = ?"
log = logging.getLogger(__name__)
#: Let other threads use this thread's processor and the interpreter first, if they can.
let_threads_run: Callable[[], None] = getattr(os, "sched_yield", partial(time.sleep, 0))


class SqliteStore:
    """A store in a file. Its two connections have threads of their own, which only `close` ends.

    Other writers are excluded by the lock of the data directory, not here.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None
        self._tags: log_lines.Tags = {}
        self._failures = LimitedLog(log, LOG_SECONDS, logging.CRITICAL)
        #: Bytes of each game on disk. Changed in the thread of the writer, after each transaction.
        self._game_bytes: dict[str, int] = {}
        self._sizes = game_sizes.StoredSizes()
        self._topic_index = history.TopicIndex()

    async def open(self) -> StoredState:
        """Open the file, migrate it and return the stored state. Raises StoreUnusable."""
        try:
            self._writer = await _connect(self.path)
            await _run(self._writer, _prepare, self.path)
            self._topic_index = history.TopicIndex()
            await _run(self._writer, self._topic_index.open)
            self._reader = await _connect(self.path)
            await _run(self._reader, _offer_compaction, self.path)
            self._game_bytes = await _run(self._reader, game_sizes.load)
            stored = await _load(self._reader, self._game_bytes)
            await _run(self._writer, _delete_unknown_signs, stored.last_seen)
            return stored
        except BaseException as error:
            await self.close()
            if isinstance(error, sqlite3.OperationalError):
                raise StoreUnusable(f"{self.path}: {error}") from error
            if isinstance(error, sqlite3.DatabaseError):
                raise NotAStore(f"{self.path}: {error}") from error
            raise

    async def write(self, batch: Batch) -> None:
        db = self._writer
        if db is None:
            raise StoreFailed("the store is not open")
        try:
            written = _start(
                db, _write, db._conn, batch, self._game_bytes, self._sizes, self._topic_index
            )
            # The disk works while the event loop goes on. Otherwise a busy loop has the thread wait for the processor
            # until the loop has nothing to do, and then the loop waits for the disk.
            let_threads_run()
            await written
        except sqlite3.Error as error:
            raise self._failure(error) from error

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        names = [history.topic_name(topic) for topic in topics]
        return await self._call(
            self._reader,
            history.after,
            self._topic_index,
            names,
            min(after, MAX_INTEGER),
            min(limit, MAX_INTEGER),
        )

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        name = history.topic_name(topic)
        index, max_rows = self._topic_index, min(limit, MAX_INTEGER)
        return await self._call(self._reader, history.newest, index, name, max_rows)

    async def delete_expired_entries(self, before: float, keep: int) -> int:
        writer = self._writer
        last = await self._call(writer, history.last_deletable_id, min(keep, MAX_INTEGER))
        # Not later: a row without an entry would take the place of one with an entry.
        while await self._call(writer, self._topic_index.write_step, last):
            pass
        while await self._call(writer, history.delete_expired_chunk, before, last):
            pass
        oldest = await self._call(writer, history.oldest)
        await self._call(writer, game_sizes.delete_chunks_before, oldest, self._game_bytes)
        while await self._call(writer, free_pages.release):
            pass
        return oldest

    def existing_digests(self, digests: Sequence[bytes]) -> Coroutine[Any, Any, set[bytes]]:
        return self._call(self._reader, log_lines.existing_digests, digests)

    async def lines(self, query: LineQuery, limit: int) -> list[LogLine]:
        tag_sets, max_rows = self._tags, min(limit, MAX_INTEGER)
        return await self._call(self._reader, log_lines.newest, tag_sets, query, max_rows)

    async def line(self, id: int) -> LogLine | None:
        tag_sets, id = self._tags, min(id, MAX_INTEGER)
        return await self._call(self._reader, log_lines.line_by_id, tag_sets, id)

    async def count_lines(
        self, query: LineQuery, by: Sequence[str] = (), limit: int | None = None
    ) -> list[LineCount]:
        return await self._call(self._reader, log_lines.count_lines, query, by, limit)

    async def playtime(self, world: int, usernames: Sequence[str]) -> list[PlaytimeStats]:
        return await self._call(self._reader, sqlite_visits.playtime, world, usernames)

    async def visits(self, query: VisitQuery, limit: int) -> list[StoredVisit]:
        return await self._call(self._reader, sqlite_visits.visits, query, min(limit, MAX_INTEGER))

    async def visit(self, id: int) -> StoredVisit | None:
        return await self._call(self._reader, sqlite_visits.visit, min(id, MAX_INTEGER))

    async def screenshots(self, query: ScreenshotQuery, limit: int) -> list[Screenshot]:
        return await self._call(
            self._reader, sqlite_visits.screenshots, query, min(limit, MAX_INTEGER)
        )

    async def screenshot(self, id: int) -> Screenshot | None:
        return await self._call(self._reader, sqlite_visits.screenshot, min(id, MAX_INTEGER))

    async def samples(
        self, series: str, step: int, since: float, before: float, limit: int
    ) -> list[SampleRow]:
        return await self._call(
            self._reader,
            *(sqlite_samples.rows, series, step, since, before, min(limit, MAX_INTEGER)),
        )

    async def delete_expired_samples(self, now: float) -> None:
        await self._call(self._writer, sqlite_samples.delete_expired, now)

    async def _call(self, db: aiosqlite.Connection | None, work: Callable[..., T], *args: Any) -> T:
        """Run a function on an open connection. Raises StoreFailed."""
        if db is None:
            raise StoreFailed("the store is not open")
        try:
            # As in `_run`, but without another call per request.
            return await db._execute(work, db._conn, *args)  # type: ignore[no-any-return, no-untyped-call]
        except sqlite3.Error as error:
            raise self._failure(error) from error

    def _failure(self, error: sqlite3.Error) -> StoreFailed:
        """Log a database error once a minute, with the remedy if the file is damaged, and return its StoreFailed."""
        text = f"{self.path}: {error}"
        if getattr(error, "sqlite_errorcode", 0) & 0xFF in DAMAGE_CODES:
            text = f"{self.path} is damaged ({error}). Stop the server and restore a backup."
        self._failures.log("", "%s", text)
        return StoreFailed(text)

    async def backup(self, path: str | Path) -> None:
        """Write a copy of the open store with everything that was written before the call."""
        db = await _connect(self.path)
        try:
            await _run(db, copy, Path(path))
        finally:
            await _close(db)

    async def close(self) -> None:
        """Close the connections. Can be called twice and after a failure."""
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        try:
            if reader is not None:
                await _close(reader)
        finally:
            # Last: closing the writer checkpoints the WAL.
            if writer is not None:
                await self._close_writer(writer)

    async def _close_writer(self, writer: aiosqlite.Connection) -> None:
        try:
            while await _run(writer, self._topic_index.write_step, MAX_INTEGER):
                pass
        except sqlite3.Error as error:
            # The next start writes these rows.
            log.debug("%s: %s", self.path, error)
        finally:
            await _close(writer)


async def _connect(path: Path) -> aiosqlite.Connection:
    db = aiosqlite.connect(path, isolation_level=None, timeout=LOCK_WARNING_SECONDS)
    try:
        return await db
    except BaseException:
        db._thread.join()
        raise


async def _close(db: aiosqlite.Connection) -> None:
    """Close a connection and join its thread, which uses the event loop once more."""
    try:
        await db.close()
    finally:
        db._thread.join()


def _start(db: aiosqlite.Connection, work: Callable[..., T], *args: Any) -> "asyncio.Future[T]":
    """Have the thread of a connection run a function, as aiosqlite's `_execute` does, but without waiting for it.

    `_tx` is private, see `_run`.
    """
    future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
    db._tx.put_nowait((future, partial(work, *args)))
    return future


def _run(
    db: aiosqlite.Connection | None, work: Callable[..., T], *args: Any
) -> Coroutine[Any, Any, T]:
    """Run a function with several statements in the thread of a connection, in one hop.

    Each call of aiosqlite is a hop, and a batch needs eight. `_execute`, `_conn` and `_thread` are private,
    so setup.cfg pins aiosqlite's minor version.
    """
    if db is None:
        raise StoreFailed("the store is not open")
    result: Coroutine[Any, Any, T] = db._execute(work, db._conn, *args)  # type: ignore[no-untyped-call]
    return result


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    migrate(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")
    # A batch of a thousand log lines changes more pages than SQLite's 2 MiB hold, and would write some of them twice.
    db.execute(f"PRAGMA cache_size = -{WRITER_CACHE_KIB}")
    db.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")


def _offer_compaction(db: sqlite3.Connection, path: Path) -> None:
    """Log how a file of an earlier version can be made smaller, where that is worth it."""
    pages = free_pages.count_pages(db)
    if pages.free_bytes >= COMPACTION_BYTES and not free_pages.is_incremental(db):
        log.info(
            "%d MB of %s are free, and this file keeps them. Stop the server and run `coalserver compact` to make it"
            " smaller.",
            pages.free_bytes >> 20,
            path,
        )


async def _load(db: aiosqlite.Connection, game_bytes: dict[str, int]) -> StoredState:
    counters, oldest = await _run(db, _load_counters)
    values: list[Any] = []
    for kind in await _run(db, _kinds):
        last_id, size = -1, 1
        while page := await _run(db, _page, kind, last_id, size):
            last_id, count, documents = page
            # Decoded here: in the thread of the connection, memory allocation takes twice the time.
            try:
                values += codec.entity_codec.load_all(kind, documents)
            except codec.UnknownDocument as error:
                await _run(db, _check_documents, kind)
                raise NotAStore(str(error)) from error
            size = max(1, min(MAX_PAGE_ROWS, PAGE_BYTES * count // len(documents)))
    last_seen = await _run(db, _load_last_seen, values)
    head = counters.get(ENTRY_COUNTER, 0) - 1
    return StoredState(values, counters, last_seen, head, oldest, game_bytes)


def _load_counters(db: sqlite3.Connection) -> tuple[dict[Counter, int], int]:
    rows = db.execute("SELECT name, value FROM counter")
    counters = {codec.counter_of(name): value for name, value in rows}
    return counters, history.oldest(db)


def _load_last_seen(db: sqlite3.Connection, values: list[Any]) -> dict[int, float]:
    """Return the times of activity by the ids that the players have: a million copies of them would take 32 MB."""
    ids = {value.id: value.id for value in values if type(value) is Player}
    rows = db.execute("SELECT player, at FROM sign")
    return {id: at for player, at in rows if (id := ids.get(player)) is not None}


def _delete_unknown_signs(db: sqlite3.Connection, known: Mapping[int, float]) -> None:
    """Delete the times of activity of players who do not exist: earlier versions kept them."""
    if db.execute("SELECT count(*) FROM sign").fetchone()[0] == len(known):
        return
    rows = db.execute("SELECT player FROM sign").fetchall()
    # On a full disk they wait for the next start.
    with suppress(sqlite3.OperationalError), transaction(db):
        db.executemany(DELETE_SIGN, [row for row in rows if row[0] not in known])


def _kinds(db: sqlite3.Connection) -> list[str]:
    """Return the stored names of which there are documents, in their order."""
    kinds: list[str] = []
    while row := db.execute(
        "SELECT kind FROM entity WHERE kind > ? ORDER BY kind LIMIT 1",
        (kinds[-1] if kinds else "",),
    ).fetchone():
        kinds.append(row[0])
    return kinds


def _page(
    db: sqlite3.Connection, kind: str, after: int, size: int
) -> tuple[int, int, bytes] | None:
    """Return the last id, the number and the documents of a page, as one JSON list; None after the last page.

    One text: fetching documents as rows takes longer than parsing them.
    """
    last, count, documents = db.execute(
        "SELECT max(id), count(*), CAST('[' || group_concat(doc, ',') || ']' AS BLOB) FROM"
        " (SELECT id, doc FROM entity WHERE kind = ? AND id > ? ORDER BY id LIMIT ?)",
        (kind, after, size),
    ).fetchone()
    return (last, count, documents) if count else None


def _check_documents(db: sqlite3.Connection, kind: str) -> None:
    """Raise NotAStore with the id of the first document that cannot be read."""
    for id, document in db.execute(
        "SELECT id, doc FROM entity WHERE kind = ? ORDER BY id", (kind,)
    ):
        try:
            codec.entity_codec.load(kind, document)
        except codec.UnknownDocument as error:
            raise NotAStore(f"{kind} {id}: {error}") from error


def _write(
    db: sqlite3.Connection,
    batch: Batch,
    game_bytes: dict[str, int],
    stored_sizes: game_sizes.StoredSizes,
    topic_index: history.TopicIndex,
) -> None:
    """Write a batch: one transaction, one statement for each table. Encodes values in this thread.

    Adds what games grow by to `game_bytes`.
    """
    saved, deleted, deleted_players = [], [], []
    for (kind, id), value in batch.values.items():
        if value is None:
            deleted.append((codec.entity_codec.name_of(kind), id))
            if kind is Player:
                deleted_players.append((id,))
        else:
            name, document = codec.entity_codec.dump_named(value)
            saved.append((name, id, document))
    counters = []
    for counter, count in batch.counters.items():
        counters.append((codec.COUNTER_NAMES.get(counter, counter), count))
    changes, sizes = game_sizes.document_changes(db, stored_sizes, batch, saved)
    with transaction(db):
        db.executemany(
            "INSERT INTO entity VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc",
            saved,
        )
        if deleted:
            db.executemany("DELETE FROM entity WHERE kind = ? AND id = ?", deleted)
        written = history.insert_entries(db, topic_index, batch.entries, changes)
        if batch.lines:
            log_lines.write(db, batch.lines)
            log_lines.continue_chats(db, batch.continued_chats)
        if batch.lines or batch.world_marks or batch.screenshots:
            sqlite_visits.write(db, batch)
        if batch.samples:
            sqlite_samples.write(db, batch.samples)
        db.executemany(
            "INSERT INTO counter VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            counters,
        )
        db.executemany(
            "INSERT INTO sign VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
            batch.last_seen.items(),
        )
        if deleted_players:
            db.executemany(DELETE_SIGN, deleted_players)
        if changes:
            db.executemany(game_sizes.ADD, [(*key, change) for key, change in changes.items()])
    topic_index.commit(*written)
    stored_sizes.add_written(sizes, deleted, counters)
    for (game, _), change in changes.items():
        game_bytes[game] = game_bytes.get(game, 0) + change
