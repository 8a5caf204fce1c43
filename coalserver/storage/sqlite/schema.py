"""The tables of a SQLite store, and how a file of an earlier version becomes one of this version."""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

#: "coal" in ASCII: says that a file is one of ours.
APPLICATION_ID = 0x636F616C


class StoreUnusable(Exception):
    """This file cannot be opened as a store. It was left as it is."""


class StoreTooNew(StoreUnusable):
    """A newer program has written this file: this one would not understand all of it."""


class NotAStore(StoreUnusable):
    """This file is damaged, or was never a store."""


@dataclass(frozen=True, slots=True)
class Migration:
    """One step from a version to the next. `run` finds a transaction open and does not end it."""

    version: int
    description: str
    run: Callable[[sqlite3.Connection], None]


def _statements(*statements: str) -> Callable[[sqlite3.Connection], None]:
    def run(db: sqlite3.Connection) -> None:
        for statement in statements:
            db.execute(statement)

    return run


#: Each is kept for ever: a file may be years old.
MIGRATIONS: Sequence[Migration] = (
    Migration(
        1,
        "Values, entries with their topics, counters and signs of life",
        _statements(
            "CREATE TABLE entity (kind TEXT NOT NULL, id INTEGER NOT NULL, doc TEXT NOT NULL,"
            " PRIMARY KEY (kind, id)) WITHOUT ROWID",
            # topics: a JSON array of what event_topic has, so that reading and forgetting find them by id.
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
            # place: sqlite_places.py; tags: a number for each set of them, so that one index serves all.
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
            # The words of a line stand in one column only: what it tells in its own, the rest in `line`.
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
)


def version_of(db: sqlite3.Connection) -> int:
    """The version of a file of ours, 0 for an empty one; refuses a file that is none."""
    try:
        application_id = db.execute("PRAGMA application_id").fetchone()[0]
        version: int = db.execute("PRAGMA user_version").fetchone()[0]
        tables = db.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]
    except sqlite3.DatabaseError as error:
        raise NotAStore(str(error)) from error
    if application_id == APPLICATION_ID:
        return version
    if application_id == 0 and version == 0 and tables == 0:
        return 0
    raise NotAStore("this database belongs to another program")


def migrate(
    db: sqlite3.Connection, path: Path, migrations: Sequence[Migration] = MIGRATIONS
) -> int:
    """Bring a file up to date; gives the version it had. All steps are one transaction.

    A file that has something in it is copied first, beside itself, as `<name>.before-v<new version>`.
    """
    newest = migrations[-1].version
    version = version_of(db)
    if version > newest:
        raise StoreTooNew(f"the file has version {version}, this program knows {newest}")
    if version == newest:
        return version
    if version:
        copy(db, path.with_name(f"{path.name}.before-v{newest}"))
    step = migrations[0]
    try:
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
    """Everything within happens wholly or not at all. DEFERRED is for reading: one moment in time."""
    db.execute(f"BEGIN {mode}")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        # Of some failures, a full disk among them, SQLite has rolled back by itself.
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


def copy(db: sqlite3.Connection, target: Path) -> None:
    """Write a consistent, durable copy of an open database; the name appears when it is whole."""
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        db.execute("VACUUM INTO ?", (str(part),))
        _sync(part, os.O_RDWR)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    _sync(target.parent, os.O_RDONLY)


def check_file(path: str | Path) -> int:
    """The version of a store's file; refuses one that is none, damaged or too new. Changes nothing."""
    path = Path(path)
    if not path.is_file():
        raise NotAStore(f"there is no file {path}")
    # Nobody has the file open if there is no log beside it; without this, reading would leave one there.
    options = "mode=ro" if path.with_name(f"{path.name}-wal").exists() else "immutable=1"
    db = sqlite3.connect(f"{path.absolute().as_uri()}?{options}", uri=True)
    try:
        version = version_of(db)
        if version == 0:
            raise NotAStore("the file is empty")
        if version > MIGRATIONS[-1].version:
            raise StoreTooNew(f"the file has version {version}")
        result = db.execute("PRAGMA quick_check(1)").fetchone()[0]
        if result != "ok":
            raise NotAStore(f"the file is damaged: {result}")
        return version
    except sqlite3.DatabaseError as error:
        raise NotAStore(str(error)) from error
    finally:
        db.close()


def _sync(path: Path, flags: int) -> None:
    """Have the system put a file, or a folder's list of names, on disk."""
    descriptor = os.open(path, flags)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
