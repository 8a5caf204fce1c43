"""The SQLite store: one file, one writer. What crosses over are documents (codec.py) and whole batches."""

import fcntl
import gc
import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import aiosqlite
import orjson

from coalserver.core.ports import Batch, Entry, Known, StoreFailed, Topic
from coalserver.stores import codec
from coalserver.stores.sqlite_schema import (
    NotAStore,
    StoreInUse,
    copy,
    migrate,
)

T = TypeVar("T")

#: Entries dropped in one transaction: a write that comes meanwhile waits a few milliseconds.
PIECE = 1000
#: The largest integer SQLite keeps.
MOST = 2**63 - 1

#: Rows fetched at once when a store is opened; few enough that the loop goes on turning.
ROWS = 2000

_PUT = "INSERT INTO entity VALUES (?, ?, ?) ON CONFLICT DO UPDATE SET doc = excluded.doc"
_DROP = "DELETE FROM entity WHERE kind = ? AND id = ?"
_SAY = "INSERT INTO event VALUES (?, ?, ?, ?, ?)"
_FILE = "INSERT INTO event_topic VALUES (?, ?)"
_COUNT = (
    "INSERT INTO counter VALUES (?, ?)"
    " ON CONFLICT DO UPDATE SET value = max(value, excluded.value)"
)
_SIGN = "INSERT INTO sign VALUES (?, ?) ON CONFLICT DO UPDATE SET at = excluded.at"


class SqliteStore:
    """A store in a file. Its two connections live in threads of their own, which `close` ends."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._writer: aiosqlite.Connection | None = None
        self._reader: aiosqlite.Connection | None = None
        self._lock: int | None = None

    async def open(self) -> Known:
        """Make ready, bring an old file up to date, and give what was kept. Refuses with StoreUnusable."""
        self._lock = _hold(self.path)
        try:
            self._writer = await self._connect()
            await _on(self._writer, _prepare, self.path)
            self._reader = await self._connect()
            return await self._known(self._reader)
        except BaseException as fault:
            await self.close()
            if isinstance(fault, sqlite3.DatabaseError):
                raise NotAStore(f"{self.path}: {fault}") from fault
            raise

    async def write(self, batch: Batch) -> None:
        try:
            await _on(self._open_writer, _write, batch)
        except sqlite3.Error as fault:
            raise StoreFailed(str(fault)) from fault

    async def entries(self, topics: Sequence[Topic], after: int, limit: int) -> list[Entry]:
        names = [_name(topic) for topic in topics]
        return await _on(self._open_reader, _entries, names, min(after, MOST), min(limit, MOST))

    async def newest(self, topic: Topic, limit: int) -> list[Entry]:
        return await _on(self._open_reader, _newest, _name(topic), min(limit, MOST))

    async def forget(self, before: float, keep: int) -> int:
        last = await _on(self._open_writer, _last_spared, min(keep, MOST))
        while await _on(self._open_writer, _forget_piece, before, last):
            pass
        return await _on(self._open_writer, _oldest)

    async def backup(self, path: str | Path) -> None:
        """Write a copy of the running store; it has everything that was written before the call."""
        db = await self._connect()
        try:
            await _on(db, copy, Path(path))
        finally:
            await db.close()

    async def close(self) -> None:
        """Let go of the file. Safe to call twice, and after anything that failed."""
        reader, self._reader = self._reader, None
        writer, self._writer = self._writer, None
        lock, self._lock = self._lock, None
        try:
            if reader is not None:
                await reader.close()
        finally:
            try:
                if writer is not None:
                    await writer.close()
            finally:
                if lock is not None:
                    os.close(lock)

    @property
    def _open_writer(self) -> aiosqlite.Connection:
        if self._writer is None:
            raise StoreFailed("the store is not open")
        return self._writer

    @property
    def _open_reader(self) -> aiosqlite.Connection:
        if self._reader is None:
            raise StoreFailed("the store is not open")
        return self._reader

    async def _known(self, db: aiosqlite.Connection) -> Known:
        counters, signs, oldest = await _on(db, _marks)
        values: list[Any] = []
        rows = await _on(db, _every_document)
        with _no_collection():
            while some := await _on(db, _next_of, rows):
                # Not in the connection's thread, where the C library's memory costs twice the time.
                values.extend(map(_value, some))
        return Known(values, counters, signs, counters.get("entry", 0) - 1, oldest)

    async def _connect(self) -> aiosqlite.Connection:
        return await aiosqlite.connect(self.path, isolation_level=None)


async def _on(db: aiosqlite.Connection, work: Callable[..., T], *facts: Any) -> T:
    """Run a function over a connection in its thread: one hop, however many statements.

    aiosqlite's own calls are a hop each, and a batch needs eight; `_execute` and `_conn` are private, so
    setup.cfg pins aiosqlite's minor version.
    """
    done: T = await db._execute(work, db._conn, *facts)  # type: ignore[no-untyped-call]
    return done


def _hold(path: Path) -> int:
    """Take the lock beside a file; it goes with the process, however that ends."""
    lock = os.open(path.with_name(f"{path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StoreInUse(f"{path} is in use by another server") from None
    return lock


def _prepare(db: sqlite3.Connection, path: Path) -> None:
    migrate(db, path)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = FULL")


def _marks(db: sqlite3.Connection) -> tuple[dict[str, int], dict[int, float], int]:
    counters = dict(db.execute("SELECT name, value FROM counter"))
    signs = dict(db.execute("SELECT player, at FROM sign"))
    return counters, signs, _oldest(db)


def _every_document(db: sqlite3.Connection) -> sqlite3.Cursor:
    return db.execute("SELECT kind, id, doc FROM entity ORDER BY kind, id")


def _next_of(_: sqlite3.Connection, rows: sqlite3.Cursor) -> list[tuple[str, int, str]]:
    return rows.fetchmany(ROWS)


def _value(row: tuple[str, int, str]) -> Any:
    kind, id, document = row
    try:
        return codec.entities.load(kind, document)
    except codec.Unkept as fault:
        raise NotAStore(f"{kind} {id}: {fault}") from fault


@contextmanager
def _no_collection() -> Iterator[None]:
    """Hold the garbage collector off while nothing but values to keep is made: it takes two thirds of the time."""
    on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if on:
            gc.enable()


def _write(db: sqlite3.Connection, batch: Batch) -> None:
    """One transaction, one statement a table."""
    puts, drops = [], []
    for (kind, id), value in batch.values.items():
        if value is None:
            drops.append((kind.__name__, id))
        else:
            puts.append((kind.__name__, id, codec.dump(value)))
    said, filed = [], []
    for entry in batch.entries:
        names = [_name(topic) for topic in dict.fromkeys(entry.topics)]
        topics = orjson.dumps(names).decode()
        name = type(entry.event).__name__
        said.append((entry.id, entry.at, name, topics, codec.dump(entry.event)))
        filed += [(topic, entry.id) for topic in names]
    db.execute("BEGIN IMMEDIATE")
    try:
        for statement, rows in (
            (_PUT, puts),
            (_DROP, drops),
            (_SAY, said),
            (_FILE, filed),
            (_COUNT, list(batch.counters.items())),
            (_SIGN, list(batch.signs.items())),
        ):
            if rows:
                db.executemany(statement, rows)
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def _entries(db: sqlite3.Connection, topics: list[str], after: int, limit: int) -> list[Entry]:
    db.execute("BEGIN")
    try:
        found: set[int] = set()
        for topic in topics:
            found.update(
                id
                for (id,) in db.execute(
                    "SELECT id FROM event_topic WHERE topic = ? AND id > ? ORDER BY id LIMIT ?",
                    (topic, after, limit),
                )
            )
        return _read(db, sorted(found)[:limit])
    finally:
        db.execute("COMMIT")


def _newest(db: sqlite3.Connection, topic: str, limit: int) -> list[Entry]:
    db.execute("BEGIN")
    try:
        found = db.execute(
            "SELECT id FROM event_topic WHERE topic = ? ORDER BY id DESC LIMIT ?", (topic, limit)
        )
        return _read(db, [id for (id,) in found])
    finally:
        db.execute("COMMIT")


def _read(db: sqlite3.Connection, ids: list[int]) -> list[Entry]:
    """The entries with these ids, ascending."""
    rows = db.execute(
        "SELECT id, at, name, topics, doc FROM event"
        " WHERE id IN (SELECT value FROM json_each(?)) ORDER BY id",
        (orjson.dumps(ids).decode(),),
    )
    return [
        Entry(id, at, codec.said.load(name, document), tuple(map(_topic, orjson.loads(topics))))
        for id, at, name, topics, document in rows
    ]


def _last_spared(db: sqlite3.Connection, keep: int) -> int:
    """The id below which entries may go: that of the oldest of the newest `keep`."""
    row = db.execute(
        "SELECT id FROM event ORDER BY id DESC LIMIT 1 OFFSET ?", (keep,)
    ).fetchone()
    return -1 if row is None else int(row[0])


def _forget_piece(db: sqlite3.Connection, before: float, last: int) -> bool:
    """Drop some of the oldest entries, up to `last` and up to the first that is young; False: no more."""
    gone, filed = [], []
    for id, at, topics in db.execute(
        "SELECT id, at, topics FROM event WHERE id <= ? ORDER BY id LIMIT ?", (last, PIECE)
    ):
        if at >= before:
            break
        gone.append((id,))
        filed += [(topic, id) for topic in orjson.loads(topics)]
    if gone:
        db.execute("BEGIN IMMEDIATE")
        try:
            db.executemany("DELETE FROM event WHERE id = ?", gone)
            db.executemany("DELETE FROM event_topic WHERE topic = ? AND id = ?", filed)
            db.execute("COMMIT")
        except BaseException:
            if db.in_transaction:
                db.execute("ROLLBACK")
            raise
    return len(gone) == PIECE


def _oldest(db: sqlite3.Connection) -> int:
    oldest = db.execute("SELECT min(id) FROM event").fetchone()[0]
    if oldest is not None:
        return int(oldest)
    row = db.execute("SELECT value FROM counter WHERE name = 'entry'").fetchone()
    return int(row[0]) if row else 0


def _name(topic: Topic) -> str:
    """A topic as text: `lobby:7` with a number, `lobbies/noughts` with a name."""
    subject, id = topic
    return f"{subject}:{id}" if type(id) is int else f"{subject}/{id}"


def _topic(name: str) -> Topic:
    subject = name.partition(":")[0].partition("/")[0]
    id = name[len(subject) + 1 :]
    return (subject, int(id)) if name[len(subject)] == ":" else (subject, id)
