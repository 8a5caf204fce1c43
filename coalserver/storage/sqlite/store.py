"""The SQLite store: one file, one writer. What crosses over are documents (codec.py) and whole batches."""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite

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
    StoreFailed,
    Topic,
    Visits,
)
from coalserver.domain.minecraft.history import LogLine, Screenshot
from coalserver.storage import codec
from coalserver.storage.sqlite import events as history
from coalserver.storage.sqlite import log_lines
from coalserver.storage.sqlite import visits as sqlite_visits
from coalserver.storage.sqlite.schema import NotAStore, StoreUnusable, copy, migrate, transaction

T = TypeVar("T")
Row = tuple[str, int, str]

#: The largest integer SQLite keeps.
MOST = 2**63 - 1
#: Rows fetched at once when a store is opened; few enough that the loop goes on turning.
ROWS = 2000


class SqliteStore:
    """A store in a file. Its two connections live in threads of their own, which only `close` ends.

    It takes no lock: that nobody else writes to the file is seen to with the directory it is in.
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None
        self._tags: log_lines.Tags = {}

    async def open(self) -> Known:
        """Make ready, bring an old file up to date, and give what was kept. Refuses with StoreUnusable."""
        try:
            self._writer = await _connect(self.path)
            await _on(self._writer, _prepare, self.path)
            self._reader = await _connect(self.path)
            return await _known(self._reader)
        except BaseException as fault:
            await self.close()
            if isinstance(fault, sqlite3.OperationalError):
                raise StoreUnusable(f"{self.path}: {fault}") from fault
            if isinstance(fault, sqlite3.DatabaseError):
                raise NotAStore(f"{self.path}: {fault}") from fault
            raise

    async def write(self, batch: Batch) -> None:
        try:
            await _on(_open(self._writer), _write, batch)
        except sqlite3.Error as fault:
            raise StoreFailed(str(fault)) from fault

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        names = [history.name_of(topic) for topic in topics]
        return await _on(
            _open(self._reader), history.after, names, min(after, MOST), min(limit, MOST)
        )

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        name = history.name_of(topic)
        return await _on(_open(self._reader), history.newest, name, min(limit, MOST))

    async def forget(self, before: float, keep: int) -> int:
        writer = _open(self._writer)
        last = await _on(writer, history.last_to_forget, min(keep, MOST))
        while await _on(writer, history.forget_piece, before, last):
            pass
        return await _on(writer, history.oldest)

    async def known(self, digests: Sequence[bytes]) -> set[bytes]:
        return await _on(_open(self._reader), log_lines.known, digests)

    async def lines(self, wanted: Lines, limit: int) -> list[LogLine]:
        known, most = self._tags, min(limit, MOST)
        return await _on(_open(self._reader), log_lines.newest, known, wanted, most)

    async def line(self, id: int) -> LogLine | None:
        known, id = self._tags, min(id, MOST)
        return await _on(_open(self._reader), log_lines.with_id, known, id)

    async def count(self, wanted: Lines, by: Sequence[str] = ()) -> list[Counted]:
        return await _on(_open(self._reader), log_lines.count, wanted, by)

    async def attendance(self, world: int, usernames: Sequence[str]) -> list[Attendance]:
        return await _on(_open(self._reader), sqlite_visits.attendance, world, usernames)

    async def visits(self, wanted: Visits, limit: int) -> list[Stay]:
        return await _on(_open(self._reader), sqlite_visits.visits, wanted, min(limit, MOST))

    async def visit(self, id: int) -> Stay | None:
        return await _on(_open(self._reader), sqlite_visits.visit, min(id, MOST))

    async def screenshots(self, wanted: Screenshots, limit: int) -> list[Screenshot]:
        return await _on(_open(self._reader), sqlite_visits.screenshots, wanted, min(limit, MOST))

    async def screenshot(self, id: int) -> Screenshot | None:
        return await _on(_open(self._reader), sqlite_visits.screenshot, min(id, MOST))

    async def backup(self, path: str | Path) -> None:
        """Write a copy of the running store; it has everything that was written before the call."""
        db = await _connect(self.path)
        try:
            await _on(db, copy, Path(path))
        finally:
            await _close(db)

    async def close(self) -> None:
        """Let go of the file. Safe to call twice, and after anything that failed."""
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        try:
            if reader is not None:
                await _close(reader)
        finally:
            # The last: closing it moves the log of what was written into the file.
            if writer is not None:
                await _close(writer)


def _open(db: aiosqlite.Connection | None) -> aiosqlite.Connection:
    if db is None:
        raise StoreFailed("the store is not open")
    return db


async def _connect(path: Path) -> aiosqlite.Connection:
    db = aiosqlite.connect(path, isolation_level=None)
    try:
        return await db
    except BaseException:
        db._thread.join()
        raise


async def _close(db: aiosqlite.Connection) -> None:
    """Close a connection and see its thread end: it speaks to the loop once more, which must be there."""
    try:
        await db.close()
    finally:
        db._thread.join()


async def _on(db: aiosqlite.Connection, work: Callable[..., T], *facts: Any) -> T:
    """Run a function over a connection in its thread: one hop, however many statements.

    aiosqlite's own calls are a hop each, and a batch needs eight. `_execute`, `_conn` and `_thread` are private,
    so setup.cfg pins aiosqlite's minor version.
    """
    done: T = await db._execute(work, db._conn, *facts)  # type: ignore[no-untyped-call]
    return done


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    migrate(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")


async def _known(db: aiosqlite.Connection) -> Known:
    counters, signs, oldest = await _on(db, _marks)
    values: list[Any] = []
    rows = await _on(db, _every_document)
    while some := await _on(db, _next_of, rows):
        # Not in the connection's thread, where the C library's memory costs twice the time.
        values.extend(map(_value, some))
    return Known(values, counters, signs, counters.get(ENTRIES, 0) - 1, oldest)


def _marks(db: sqlite3.Connection) -> tuple[dict[Counter, int], dict[int, float], int]:
    rows = db.execute("SELECT name, value FROM counter")
    counters = {codec.counter_of(name): value for name, value in rows}
    signs = dict(db.execute("SELECT player, at FROM sign"))
    return counters, signs, history.oldest(db)


def _every_document(db: sqlite3.Connection) -> sqlite3.Cursor:
    return db.execute("SELECT kind, id, doc FROM entity ORDER BY kind, id")


def _next_of(_: sqlite3.Connection, rows: sqlite3.Cursor) -> list[Row]:
    return rows.fetchmany(ROWS)


def _value(row: Row) -> Any:
    kind, id, document = row
    try:
        return codec.entities.load(kind, document)
    except codec.Unkept as fault:
        raise NotAStore(f"{kind} {id}: {fault}") from fault


def _write(db: sqlite3.Connection, batch: Batch) -> None:
    """One transaction, one statement a table. Here and not in the loop each value becomes a document."""
    puts, drops = [], []
    for (kind, id), value in batch.values.items():
        if value is None:
            drops.append((codec.entities.name_of(kind), id))
        else:
            puts.append((codec.entities.name_of(kind), id, codec.entities.dump(value)))
    with transaction(db):
        db.executemany(
            "INSERT INTO entity VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc", puts
        )
        db.executemany("DELETE FROM entity WHERE kind = ? AND id = ?", drops)
        history.say(db, batch.entries)
        log_lines.write(db, batch.lines)
        sqlite_visits.write(db, batch)
        db.executemany(
            "INSERT INTO counter VALUES (?, ?)"
            " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)",
            [(codec.counter_name(counter), value) for counter, value in batch.counters.items()],
        )
        db.executemany(
            "INSERT INTO sign VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at",
            batch.signs.items(),
        )
