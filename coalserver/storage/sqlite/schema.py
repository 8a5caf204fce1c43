"""The tables of a SQLite store and the migrations from earlier versions."""

import logging
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from coalserver.storage.sqlite import game_sizes, samples
from coalserver.storage.sqlite.free_pages import SET_INCREMENTAL

log = logging.getLogger(__name__)

#: "coal" in ASCII: marks a database of coalserver.
APPLICATION_ID = 0x636F616C


class StoreUnusable(Exception):
    """The file cannot be opened as a store. It was not changed."""


class StoreTooNew(StoreUnusable):
    """The file was written by a newer version of coalserver."""


class NotAStore(StoreUnusable):
    """The file is damaged or is not a store."""


@dataclass(frozen=True, slots=True)
class Migration:
    """A step from one version to the next. `run` is called inside a transaction."""

    version: int
    description: str
    run: Callable[[sqlite3.Connection], None]


def _statements(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def run(db: sqlite3.Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return run


#: No migration is ever removed: a file can be years old.
MIGRATIONS: Sequence[Migration] = (
    Migration(
        1,
        "Values, entries with their topics, counters and signs of life",
        _statements(
            "CREATE TABLE entity (kind TEXT NOT NULL, id INTEGER NOT NULL, doc TEXT NOT NULL,"
            " PRIMARY KEY (kind, id)) WITHOUT ROWID",
            # topics: a JSON array of the rows of event_topic, which reading and deleting find by id.
            "CREATE TABLE event (id INTEGER PRIMARY KEY, at REAL NOT NULL, name TEXT NOT NULL,"
            " topics TEXT NOT NULL, doc TEXT NOT NULL)",
            "CREATE TABLE event_topic (topic TEXT NOT NULL, id INTEGER NOT NULL,"
            " PRIMARY KEY (topic, id)) WITHOUT ROWID",
            "CREATE TABLE counter (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID",
            "CREATE TABLE sign (player INTEGER PRIMARY KEY, at REAL NOT NULL)",
        ),
    ),
    Migration(
        2,
        "Log lines and their words, visits, screenshots",
        _statements(
            # place: see log_lines.py; tags: one number for each set of tags, so that one index is enough.
            "CREATE TABLE line (place INTEGER PRIMARY KEY, id INTEGER NOT NULL UNIQUE,"
            " digest BLOB NOT NULL UNIQUE, tags INTEGER NOT NULL, line TEXT NOT NULL,"
            " kind TEXT NOT NULL, created REAL NOT NULL, at REAL, zone TEXT NOT NULL,"
            " level TEXT NOT NULL, username TEXT NOT NULL, shown TEXT NOT NULL, ip TEXT NOT NULL,"
            " port TEXT NOT NULL, location TEXT NOT NULL, chat TEXT NOT NULL,"
            " message TEXT NOT NULL, death TEXT NOT NULL, killer TEXT NOT NULL,"
            " weapon TEXT NOT NULL, title TEXT NOT NULL, source TEXT NOT NULL,"
            " sequence INTEGER NOT NULL)",
            "CREATE INDEX line_tags ON line (tags)",
            "CREATE INDEX line_username ON line (username, tags) WHERE username <> ''",
            "CREATE TABLE tags (id INTEGER PRIMARY KEY, tags TEXT NOT NULL UNIQUE)",
            # Each word of a line is in one column only: chat, death or achievement, or else `line`.
            "CREATE VIRTUAL TABLE line_words USING fts5 (line, chat, death, achievement, who,"
            " content='', columnsize=0, tokenize=\"unicode61 remove_diacritics 2"
            " categories 'L* M* N* Co So'\")",
            "CREATE TABLE mark (world INTEGER NOT NULL, username TEXT NOT NULL,"
            " moment REAL NOT NULL, sequence INTEGER NOT NULL, sign TEXT NOT NULL,"
            " at REAL NOT NULL, line INTEGER NOT NULL,"
            " PRIMARY KEY (world, username, moment, sequence, sign, line)) WITHOUT ROWID",
            # came and gone are moments of marks, which order them; at is the time of the login.
            "CREATE TABLE visit (id INTEGER PRIMARY KEY, world INTEGER NOT NULL,"
            " username TEXT NOT NULL, at REAL NOT NULL, came REAL NOT NULL, gone REAL NOT NULL,"
            " zone TEXT NOT NULL, created REAL NOT NULL, updated REAL NOT NULL, doc TEXT NOT NULL)",
            "CREATE INDEX visit_at ON visit (world, at)",
            "CREATE INDEX visit_username ON visit (world, username, at)",
            "CREATE INDEX visit_came ON visit (world, username, came)",
            "CREATE INDEX visit_gone ON visit (world, gone)",
            "CREATE TABLE screenshot (id INTEGER PRIMARY KEY, world INTEGER NOT NULL,"
            " account INTEGER NOT NULL, created REAL NOT NULL, doc TEXT NOT NULL)",
            "CREATE INDEX screenshot_created ON screenshot (world, created)",
            "CREATE INDEX screenshot_account ON screenshot (world, account, created)",
        ),
    ),
    Migration(
        3,
        "Key columns first in mark, digests of the key files",
        _statements(
            # quick_check of SQLite before 3.41 reports a NULL in a table WITHOUT ROWID whose key columns
            # do not come first.
            "ALTER TABLE mark RENAME TO old_mark",
            "CREATE TABLE mark (world INTEGER NOT NULL, username TEXT NOT NULL,"
            " moment REAL NOT NULL, sequence INTEGER NOT NULL, sign TEXT NOT NULL,"
            " line INTEGER NOT NULL, at REAL NOT NULL,"
            " PRIMARY KEY (world, username, moment, sequence, sign, line)) WITHOUT ROWID",
            "INSERT INTO mark (world, username, moment, sequence, sign, line, at)"
            " SELECT world, username, moment, sequence, sign, line, at FROM old_mark",
            "DROP TABLE old_mark",
            "CREATE TABLE key_file (name TEXT PRIMARY KEY, digest BLOB NOT NULL) WITHOUT ROWID",
        ),
    ),
    Migration(
        4,
        "Authors of chat messages, no visitors that only echoes have named",
        _statements(
            "ALTER TABLE line ADD COLUMN account INTEGER NOT NULL DEFAULT 0",
            # A world is in the upper bits of `place`: see log_lines.py. Such visitors have an echo and no other line.
            "DELETE FROM entity WHERE kind = 'Visitor' AND json_extract(doc, '$.latest') IS NULL"
            " AND EXISTS (SELECT 1 FROM line WHERE username = json_extract(doc, '$.name')"
            " AND username <> '' AND kind = 'echo' AND place >> 45 = json_extract(doc, '$.world'))"
            " AND NOT EXISTS (SELECT 1 FROM line WHERE username = json_extract(doc, '$.name')"
            " AND username <> '' AND kind <> 'echo' AND place >> 45 = json_extract(doc, '$.world'))",
        ),
    ),
    Migration(5, "Bytes of each game", game_sizes.create),
    Migration(6, "Samples of figures", _statements(samples.CREATE)),
    Migration(
        7,
        "Rows of event_topic that are written later",
        _statements(
            # Entries with smaller ids have their rows; the rows of the others may be missing.
            "CREATE TABLE indexed (below INTEGER NOT NULL)",
            "INSERT INTO indexed SELECT ifnull(max(id), -1) + 1 FROM event",
        ),
    ),
    Migration(
        8,
        "Visits by the mark that ended them",
        _statements(
            # `gone` can be before that mark: a start ends visits at the last sign that the world was alive.
            "CREATE INDEX visit_ended ON visit (world, json_extract(doc, '$.logout.order'),"
            " json_extract(doc, '$.logout.sequence')) WHERE gone < 1e18",
            "CREATE INDEX visit_silent ON visit (world, gone) WHERE instr(doc, '\"silent\"')",
        ),
    ),
)
#: Seconds to wait for the write lock of another program, and between warnings meanwhile.
LOCK_TIMEOUT_SECONDS, LOCK_WARNING_SECONDS = 60.0, 5.0


def version_of(db: sqlite3.Connection) -> int:
    """Return the version of a database, 0 for an empty one. Raises NotAStore."""
    try:
        application_id = db.execute("PRAGMA application_id").fetchone()[0]
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.OperationalError as error:
        raise StoreUnusable(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise NotAStore(str(error)) from error
    if application_id == APPLICATION_ID:
        return version
    if application_id == 0 and version == 0 and tables == 0:
        return 0
    raise NotAStore("this database belongs to another program")


def migrate(
    db: sqlite3.Connection,
    path: Path,
    migrations: Sequence[Migration] = MIGRATIONS,
    *,
    keep_copy: bool = True,
) -> int:
    """Migrate a database in one transaction and return its previous version.

    A database that is not empty is copied to `<name>.before-v<new version>` first, unless `keep_copy` is
    false. Raises StoreTooNew, NotAStore or StoreUnusable.
    """
    newest = migrations[-1].version
    version = version_of(db)
    if version > newest:
        raise StoreTooNew(f"the file has version {version}, this program knows {newest}")
    if version == newest:
        return version
    step = migrations[0]
    try:
        if version and keep_copy:
            copy(db, path.with_name(f"{path.name}.before-v{newest}"))
        if not version:
            db.execute(SET_INCREMENTAL)
        with transaction(db):
            for step in migrations:
                if step.version > version:
                    step.run(db)
            db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            db.execute(f"PRAGMA user_version = {newest}")
    except sqlite3.Error as error:
        raise StoreUnusable(f"version {step.version} ({step.description}): {error}") from error
    return version


@contextmanager
def transaction(db: sqlite3.Connection, mode: str = "IMMEDIATE") -> Iterator[None]:
    """Run a transaction; roll it back on an exception. DEFERRED reads a consistent snapshot.

    Waits for the write lock of another program, at most `LOCK_TIMEOUT_SECONDS`.
    """
    try:
        db.execute(f"BEGIN {mode}")
    except sqlite3.OperationalError as error:
        if not _is_locked(error):
            raise
        _wait_for_lock(db, mode)
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # After some failures, such as a full disk, SQLite has rolled back already.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def migrate_file(path: Path, *, keep_copy: bool = True) -> int:
    """Create or migrate a closed database and return its previous version. Raises as `migrate`."""
    db = sqlite3.connect(path, isolation_level=None, timeout=LOCK_WARNING_SECONDS)
    try:
        return migrate(db, path, keep_copy=keep_copy)
    finally:
        db.close()


def _is_locked(error: sqlite3.OperationalError) -> bool:
    return error.sqlite_errorcode & 0xFF == sqlite3.SQLITE_BUSY


def _wait_for_lock(db: sqlite3.Connection, mode: str) -> None:
    """Begin a transaction that another program's lock has delayed for the timeout of the connection already.

    Logs a warning after each further timeout.
    """
    start = time.monotonic()
    path = db.execute("PRAGMA database_list").fetchone()[2]
    while True:
        waited = time.monotonic() - start
        log.warning(
            "Another program has locked %s. Writing has waited for %d s and goes on when the lock is released.",
            path,
            waited + LOCK_WARNING_SECONDS,
        )
        try:
            db.execute(f"BEGIN {mode}")
            return
        except sqlite3.OperationalError as error:
            if not _is_locked(error) or time.monotonic() - start > LOCK_TIMEOUT_SECONDS:
                raise


def copy(db: sqlite3.Connection, target: Path) -> None:
    """Write a consistent, durable copy of an open database; the target appears when it is complete."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        db.execute("VACUUM INTO ?", (str(part),))
        _sync(part, os.O_RDWR)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent, os.O_RDONLY)


def check_file(path: str | Path, max_bytes: int | None = None) -> int:
    """Return the version of a store's file without changing it. Raises NotAStore or StoreTooNew.

    A file larger than `max_bytes` is not read as a whole: only its version is checked. SQLite before 3.41
    reports a fault in intact files of version 2: `migrate_file` them first.
    """
    path = Path(path)
    if not path.is_file():
        raise NotAStore(f"there is no file {path}")
    # Without a WAL file, no process has the database open; immutable keeps SQLite from creating one.
    options = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)
    try:
        version = version_of(db)
        if version == 0:
            raise NotAStore("the file is empty")
        if version > MIGRATIONS[-1].version:
            raise StoreTooNew(f"the file has version {version}")
        if max_bytes is None or path.stat().st_size <= max_bytes:
            # The result names tables and pages, never content of rows.
            result = db.execute("PRAGMA quick_check(1)").fetchone()[0]
            if result != "ok":
                raise NotAStore(f"the file is damaged: {' '.join(result.split())}")
        return version
    except sqlite3.OperationalError as error:
        raise StoreUnusable(str(error)) from error
    except sqlite3.DatabaseError as error:
        raise NotAStore(str(error)) from error
    finally:
        db.close()


def _sync(path: Path, flags: int) -> None:
    """Flush a file, or the entries of a directory, to disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
