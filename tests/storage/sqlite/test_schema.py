"""Migrations of old files, and their failures."""

import sqlite3
from contextlib import closing

import pytest

from coalserver.storage.sqlite.schema import (
    APPLICATION_ID,
    MIGRATIONS,
    Migration,
    StoreUnusable,
    migrate,
    transaction,
)

NEWEST = MIGRATIONS[-1].version


def runs(*statements):
    def run(db):
        for statement in statements:
            db.execute(statement)

    return run


ONE = Migration(1, "Notes", runs("CREATE TABLE note (text)"))
TWO = Migration(2, "Notes have an author", runs("ALTER TABLE note ADD author TEXT DEFAULT 'Ada'"))
THREE = Migration(3, "Notes are signed", runs("UPDATE note SET text = text || '!'"))
WRONG = Migration(3, "A slip of the pen", runs("DELETE FROM note", "UPDATE notes SET text = ''"))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept.sqlite3"


@pytest.fixture
def db(path):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        yield db


def version(db):
    return db.execute("PRAGMA user_version").fetchone()[0]


def make_old_file(db, path):
    """Version 1, with a note, some of it still in the write-ahead log."""
    migrate(db, path, [ONE])
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("INSERT INTO note VALUES ('hello')")


def test_the_migrations_are_numbered_from_one_without_a_gap():
    assert [step.version for step in MIGRATIONS] == list(range(1, len(MIGRATIONS) + 1))


def test_a_new_file_gets_every_step_and_our_mark(db, path):
    assert migrate(db, path, [ONE, TWO, THREE]) == 0
    assert version(db) == 3
    assert db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID


def test_a_new_file_is_not_copied(db, path):
    migrate(db, path, [ONE, TWO])
    assert list(path.parent.glob("*.before-*")) == []


def test_an_old_file_gets_the_steps_it_lacks(db, path):
    make_old_file(db, path)
    assert migrate(db, path, [ONE, TWO, THREE]) == 1
    assert version(db) == 3
    assert db.execute("SELECT text, author FROM note").fetchall() == [("hello!", "Ada")]


def test_an_old_file_is_copied_before(db, path):
    make_old_file(db, path)
    migrate(db, path, [ONE, TWO, THREE])
    with closing(sqlite3.connect(path.with_name("kept.sqlite3.before-v3"))) as before:
        assert version(before) == 1
        assert before.execute("SELECT * FROM note").fetchall() == [("hello",)]


def test_a_file_that_lacks_nothing_is_left_alone(db, path):
    migrate(db, path, [ONE, TWO])
    assert migrate(db, path, [ONE, TWO]) == 2
    assert list(path.parent.glob("*.before-*")) == []


def test_a_step_that_fails_leaves_the_file_as_it_was(db, path):
    make_old_file(db, path)
    with pytest.raises(StoreUnusable):
        migrate(db, path, [ONE, TWO, WRONG])
    assert version(db) == 1
    assert db.execute("SELECT * FROM note").fetchall() == [("hello",)]


def test_a_step_that_fails_is_named(db, path):
    with pytest.raises(StoreUnusable, match="version 3 .A slip of the pen."):
        migrate(db, path, [ONE, TWO, WRONG])


def test_a_step_that_failed_may_be_tried_again(db, path):
    make_old_file(db, path)
    with pytest.raises(StoreUnusable):
        migrate(db, path, [ONE, TWO, WRONG])
    assert migrate(db, path, [ONE, TWO, THREE]) == 1
    assert version(db) == 3


def test_a_copy_that_cannot_be_made_stops_the_migration(db, path):
    make_old_file(db, path)
    path.with_name("kept.sqlite3.before-v2").mkdir()
    with pytest.raises(OSError):
        migrate(db, path, [ONE, TWO])
    assert version(db) == 1


def test_this_programs_own_steps_make_a_file_of_its_version(db, path):
    migrate(db, path)
    assert version(db) == NEWEST


def test_within_a_transaction_all_happens_or_nothing(db):
    db.execute("CREATE TABLE note (text)")
    with pytest.raises(KeyError), transaction(db):
        db.execute("INSERT INTO note VALUES ('hello')")
        raise KeyError
    assert db.execute("SELECT * FROM note").fetchall() == []
