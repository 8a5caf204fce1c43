"""Migrations of old files, and their failures."""

import json
import sqlite3
from contextlib import closing

import pytest

from coalserver.storage.sqlite import schema
from coalserver.storage.sqlite.log_lines import first_position
from coalserver.storage.sqlite.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    Migration,
    StoreUnusable,
    migrate,
    transaction,
)

NEWEST = MIGRATIONS[-1].version


def run_statements(*statements):
    def run(db):
        for statement in statements:
            db.execute(statement)

    return run


ONE = Migration(1, "Notes", run_statements("CREATE TABLE note (text)"))
TWO = Migration(
    2, "Notes have an author", run_statements("ALTER TABLE note ADD author TEXT DEFAULT 'Ada'")
)
THREE = Migration(3, "Notes are signed", run_statements("UPDATE note SET text = text || '!'"))
FAULTY = Migration(
    3, "A faulty migration", run_statements("DELETE FROM note", "UPDATE notes SET text = ''")
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


@pytest.fixture
def db(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def version(db):
    return db.execute("PRAGMA user_version").fetchone()[0]


def make_old_file(db, path):
    """Create a file of version 1 with a note that is still in the write-ahead log."""
    migrate(db, path, [ONE])
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("INSERT INTO note VALUES ('hello')")


def test_migrations_are_numbered_from_one_without_a_gap():
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_new_file_gets_every_migration_and_the_application_id(db, path):
    assert migrate(db, path, [ONE, TWO, THREE]) == 0
    assert version(db) == 3
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_new_file_is_not_copied(db, path):
    migrate(db, path, [ONE, TWO])
    assert list(path.parent.glob("*.before-*")) == []


def test_old_file_gets_the_missing_migrations(db, path):
    make_old_file(db, path)
    assert migrate(db, path, [ONE, TWO, THREE]) == 1
    assert version(db) == 3
    assert db.execute("SELECT text, author FROM note").fetchall() == [("hello!", "Ada")]


def test_old_file_is_copied_before_a_migration(db, path):
    make_old_file(db, path)
    migrate(db, path, [ONE, TWO, THREE])
    with closing(sqlite3.connect(path.with_name("store.sqlite3.before-v3"))) as before:
        assert version(before) == 1
        assert before.execute("SELECT * FROM note").fetchall() == [("hello",)]


def test_current_file_is_unchanged(db, path):
    migrate(db, path, [ONE, TWO])
    assert migrate(db, path, [ONE, TWO]) == 2
    assert list(path.parent.glob("*.before-*")) == []


def test_failed_migration_leaves_the_file_unchanged(db, path):
    make_old_file(db, path)
    with pytest.raises(StoreUnusable):
        migrate(db, path, [ONE, TWO, FAULTY])
    assert version(db) == 1
    assert db.execute("SELECT * FROM note").fetchall() == [("hello",)]


def test_failed_migration_is_named(db, path):
    with pytest.raises(StoreUnusable, match="version 3 .A faulty migration."):
        migrate(db, path, [ONE, TWO, FAULTY])


def test_failed_migration_can_be_repeated(db, path):
    make_old_file(db, path)
    with pytest.raises(StoreUnusable):
        migrate(db, path, [ONE, TWO, FAULTY])
    assert migrate(db, path, [ONE, TWO, THREE]) == 1
    assert version(db) == 3


def test_failed_copy_prevents_the_migration(db, path):
    make_old_file(db, path)
    path.with_name("store.sqlite3.before-v2").mkdir()
    with pytest.raises(OSError):
        migrate(db, path, [ONE, TWO])
    assert version(db) == 1


def test_all_migrations_give_the_newest_version(db, path):
    migrate(db, path)
    assert version(db) == NEWEST


def test_transaction_is_atomic(db):
    db.execute("CREATE TABLE note (text)")
    with pytest.raises(KeyError), transaction(db):
        db.execute("INSERT INTO note VALUES ('hello')")
        raise KeyError
    assert db.execute("SELECT * FROM note").fetchall() == []


def test_key_columns_come_first_in_every_table_without_rowid(db, path):
    """quick_check of SQLite before 3.41 reports a false NULL otherwise."""
    migrate(db, path)
    tables = db.execute(
        "SELECT name FROM pragma_table_list WHERE wr AND type = 'table' AND schema = 'main'"
    )
    names = [name for (name,) in tables]
    assert {"entity", "mark", "counter"} <= set(names)
    for name in names:
        columns = db.execute(f"PRAGMA table_info({name})").fetchall()
        positions = [position for *_, position in columns if position]
        assert [position for *_, position in columns][: len(positions)] == sorted(positions), name


def test_marks_are_kept_by_the_migration_to_version_3(db, path):
    migrate(db, path, MIGRATIONS[:2])
    mark = (1, "Ann", 2.5, 3, "login", 4.5, 6)
    db.execute(
        "INSERT INTO mark (world, username, moment, sequence, sign, at, line) VALUES (?, ?, ?, ?, ?, ?, ?)",
        mark,
    )
    assert migrate(db, path) == 2
    rows = db.execute("SELECT world, username, moment, sequence, sign, at, line FROM mark")
    assert rows.fetchall() == [mark]
    assert db.execute("PRAGMA quick_check").fetchall() == [("ok",)]


def test_lock_of_another_program_is_waited_for_with_warnings(db, path, caplog, monkeypatch):
    migrate(db, path)
    db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    warnings = []

    def release_after_two(message: str, *args: object) -> None:
        warnings.append(message % args)
        if len(warnings) == 2:
            other.execute("COMMIT")

    monkeypatch.setattr(schema.log, "warning", release_after_two)
    with transaction(db):
        db.execute("INSERT INTO counter VALUES ('x', 1)")
    other.close()
    assert len(warnings) == 2 and str(path) in warnings[0]


def test_lock_of_another_program_is_an_error_after_the_timeout(db, path, monkeypatch):
    migrate(db, path)
    db.execute("PRAGMA busy_timeout = 1")
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    monkeypatch.setattr(schema, "LOCK_TIMEOUT_SECONDS", 0.01)
    with pytest.raises(sqlite3.OperationalError, match="locked"), transaction(db):
        pass
    other.close()


def test_visitors_of_echoes_only_are_deleted_by_the_migration_to_version_4(db, path):
    migrate(db, path, MIGRATIONS[:3])
    visitors = {1: "Echo", 2: "Player", 3: "Both", 4: "Other", 5: "Visiting"}
    for id, name in visitors.items():
        latest = {"at": 1} if name == "Visiting" else None
        world = 8 if name == "Other" else 7
        doc = json.dumps({"id": id, "world": world, "name": name, "latest": latest})
        db.execute("INSERT INTO entity VALUES ('Visitor', ?, ?)", (id, doc))
    lines = [("Echo", "echo"), ("Player", "chat"), ("Both", "echo"), ("Both", "chat")]
    lines += [("Other", "echo"), ("Visiting", "echo")]
    columns = "place, id, digest, tags, line, kind, created, zone, level, username, shown, ip, port, location, chat"
    columns += ", message, death, killer, weapon, title, source, sequence"
    for number, (name, kind) in enumerate(lines):
        values = [first_position(7) + number, number, bytes([number]), 0, "", kind, 0, "", "", name]
        values += [""] * 11 + [0]
        marks = ", ".join("?" * len(values))
        db.execute(f"INSERT INTO line ({columns}) VALUES ({marks})", values)
    migrate(db, path)
    names = [name for (name,) in db.execute("SELECT json_extract(doc, '$.name') FROM entity")]
    # Other's line is in another world.
    assert sorted(names) == ["Both", "Other", "Player", "Visiting"]
