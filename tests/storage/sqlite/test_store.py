"""The SQLite file: old, newer, foreign, damaged and full files, copies and durability."""

import asyncio
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from coalserver.core.ports import Batch, StoreFailed
from coalserver.domain.play.player import Player
from coalserver.storage.sqlite.schema import NotAStore, StoreTooNew, StoreUnusable, check_file
from coalserver.storage.sqlite.store import SqliteStore
from tests.storage.builders import ids, make_batch, make_entry, make_player, write_entries


@pytest.fixture
def path(tmp_path):
    return tmp_path / "kept.sqlite3"


@pytest.fixture
async def store(path):
    store = SqliteStore(path)
    await store.open()
    yield store
    await store.close()


async def write_and_close(path, *values):
    store = SqliteStore(path)
    await store.open()
    await store.write(make_batch(*values))
    await store.close()


async def values_in(path):
    store = SqliteStore(path)
    try:
        return list((await store.open()).values)
    finally:
        await store.close()


def change(path, *statements):
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


async def full(store):
    """From now on the disk has no room for another page."""
    await store._writer.execute("PRAGMA max_page_count = 1")


def much():
    return make_batch(*(make_player(id, "x" * 1000) for id in range(1, 200)))


async def test_a_file_is_one_file_again_when_it_is_closed(path):
    await write_and_close(path, make_player(1))
    assert os.listdir(path.parent) == [path.name]


async def test_no_thread_is_left_when_it_is_closed(path):
    before = threading.active_count()
    await write_and_close(path, make_player(1))
    assert threading.active_count() == before


async def test_what_was_written_is_durable_before_it_is_closed(store, path):
    await store.write(make_batch(make_player(1)))
    with closing(sqlite3.connect(path)) as beside:
        assert beside.execute("SELECT kind, id FROM entity").fetchall() == [("Player", 1)]


async def test_every_write_waits_for_the_disk(store):
    rows = await store._writer.execute_fetchall("PRAGMA synchronous")
    assert [tuple(row) for row in rows] == [(2,)], "2 is FULL"


async def test_a_store_that_is_not_open_says_so(path):
    store = SqliteStore(path)
    with pytest.raises(StoreFailed):
        await store.write(Batch())
    with pytest.raises(StoreFailed):
        await store.entries([], -1, 1)


async def test_a_closed_store_may_be_opened_again(store):
    await store.write(make_batch(make_player(1)))
    await store.close()
    assert list((await store.open()).values) == [make_player(1)]


async def test_a_folder_that_is_not_there_is_said_to_be_the_trouble(tmp_path):
    with pytest.raises(StoreUnusable, match="nowhere"):
        await SqliteStore(tmp_path / "nowhere" / "kept.sqlite3").open()


async def test_a_file_of_a_newer_program_is_refused_and_stays_as_it_is(path):
    await write_and_close(path, make_player(1))
    change(path, "PRAGMA user_version = 1000")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="1000"):
        await SqliteStore(path).open()
    assert path.read_bytes() == before


async def test_another_programs_database_is_refused_and_stays_as_it_is(path):
    change(path, "CREATE TABLE theirs (id)")
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="another program"):
        await SqliteStore(path).open()
    assert path.read_bytes() == before


async def test_what_is_no_database_is_refused_and_stays_as_it_is(path):
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(NotAStore):
        await SqliteStore(path).open()
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_a_damaged_file_is_refused(path):
    await write_and_close(path, *(make_player(id) for id in range(1, 1000)))
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    with pytest.raises(NotAStore):
        await SqliteStore(path).open()


async def test_a_document_that_cannot_be_read_is_named(path):
    await write_and_close(path, make_player(7))
    change(path, "UPDATE entity SET doc = '{}'")
    with pytest.raises(NotAStore, match="Player 7"):
        await SqliteStore(path).open()


async def test_after_a_failed_open_no_thread_is_left(path):
    path.write_bytes(b"Dear diary, " * 1000)
    before = threading.active_count()
    with pytest.raises(NotAStore):
        await SqliteStore(path).open()
    assert threading.active_count() == before


async def test_after_a_failed_open_it_may_be_closed(path):
    path.write_bytes(b"Dear diary, " * 1000)
    store = SqliteStore(path)
    with pytest.raises(NotAStore):
        await store.open()
    await store.close()


async def test_when_the_disk_is_full_a_write_fails(store):
    await full(store)
    with pytest.raises(StoreFailed, match="full"):
        await store.write(much())


async def test_of_a_write_that_failed_nothing_is_there(store, path):
    await store.write(make_batch(make_player(1, "before"), counters={Player: 2}))
    await full(store)
    with pytest.raises(StoreFailed):
        batch = much()
        batch.counters[Player] = 200
        await store.write(batch)
    await store.close()
    known = await store.open()
    assert list(known.values) == [make_player(1, "before")]
    assert known.counters == {Player: 2}


async def test_after_a_write_that_failed_it_may_be_closed(store):
    await full(store)
    with pytest.raises(StoreFailed):
        await store.write(much())
    await store.close()


async def test_when_there_is_room_again_a_write_succeeds(store):
    await full(store)
    with pytest.raises(StoreFailed):
        await store.write(much())
    await store._writer.execute("PRAGMA max_page_count = 100000")
    await store.write(much())


async def test_an_id_that_was_said_before_is_never_said_again(store):
    await write_entries(store, make_entry(0))
    with pytest.raises(StoreFailed):
        await write_entries(store, make_entry(0))


async def test_writes_go_on_while_much_is_forgotten(store):
    await write_entries(store, *(make_entry(id) for id in range(5000)))
    forgetting = asyncio.ensure_future(store.delete_expired_entries(before=100.0, keep=0))
    await write_entries(store, make_entry(5000, at=200.0))
    assert not forgetting.done()
    assert await forgetting == 5000


async def test_a_backup_has_all_that_was_written_before(store, tmp_path):
    await store.write(make_batch(make_player(1)))
    await write_entries(store, make_entry(0))
    await store.backup(tmp_path / "copy")
    copy = SqliteStore(tmp_path / "copy")
    known = await copy.open()
    assert (list(known.values), known.head) == ([make_player(1)], 0)
    assert ids(await copy.newest(("player", 1), 5)) == [0]
    await copy.close()


async def test_a_backup_takes_the_place_of_an_older_one(store, tmp_path):
    await store.backup(tmp_path / "copy")
    await store.write(make_batch(make_player(1)))
    await store.backup(tmp_path / "copy")
    assert await values_in(tmp_path / "copy") == [make_player(1)]


async def test_a_backup_that_fails_leaves_the_older_one(store, tmp_path):
    (tmp_path / "copy").mkdir()
    with pytest.raises(OSError):
        await store.backup(tmp_path / "copy")
    assert sorted(os.listdir(tmp_path / "copy")) == []
    assert not (tmp_path / "copy.part").exists()


async def test_a_running_store_can_be_checked(store, path):
    await store.write(make_batch(make_player(1)))
    assert check_file(path) >= 1


async def test_a_closed_store_can_be_checked_and_stays_as_it_is(path):
    await write_and_close(path, make_player(1))
    before = path.read_bytes()
    check_file(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


async def test_a_check_refuses_what_is_no_store(path):
    for content in (b"", b"Dear diary, " * 1000):
        path.write_bytes(content)
        with pytest.raises(NotAStore):
            check_file(path)


async def test_a_check_refuses_a_file_that_is_not_there_and_makes_none(path):
    with pytest.raises(NotAStore):
        check_file(path)
    assert not path.exists()


async def test_a_check_refuses_a_newer_file(path):
    await write_and_close(path)
    change(path, "PRAGMA user_version = 1000")
    with pytest.raises(StoreTooNew):
        check_file(path)


async def test_a_check_refuses_a_damaged_file(path):
    await write_and_close(path, *(make_player(id) for id in range(1, 1000)))
    with open(path, "r+b") as file:
        file.seek(12288)
        file.write(b"\xff" * 4096)
    with pytest.raises(NotAStore, match="damaged"):
        check_file(path)
