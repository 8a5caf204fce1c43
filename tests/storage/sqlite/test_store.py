"""The SQLite file: old, newer, foreign, damaged and full files, copies and durability."""

import asyncio
import os
import sqlite3
import threading
from contextlib import closing

import pytest

from coalserver.core.ports import Batch, StoreFailed
from coalserver.domain.play.player import Player
from coalserver.storage.sqlite import store as store_module
from coalserver.storage.sqlite.schema import NotAStore, StoreTooNew, StoreUnusable, check_file
from coalserver.storage.sqlite.store import SqliteStore
from tests.storage.builders import ids, make_batch, make_entry, make_player, write_entries


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


async def fill_disk(store):
    """Leave no room for another page."""
    await store._writer.execute("PRAGMA max_page_count = 1")


def make_large_batch():
    return make_batch(*(make_player(id, "x" * 1000) for id in range(1, 200)))


async def test_times_of_activity_are_loaded_by_the_ids_of_the_players(path):
    store = SqliteStore(path)
    await store.open()
    players = [make_player(id) for id in (1000, 2000, 3000)]
    await store.write(make_batch(*players, last_seen={1000: 1.5, 2000: 2.5, 3000: 3.5}))
    await store.close()
    known = await store.open()
    await store.close()
    assert known.last_seen == {1000: 1.5, 2000: 2.5, 3000: 3.5}
    ids = {value.id: value.id for value in known.values}
    assert [ids[id] is id for id in known.last_seen] == [True] * 3


async def test_times_of_activity_of_unknown_players_are_deleted_by_a_start(path):
    # Earlier versions kept those of deleted guests.
    store = SqliteStore(path)
    await store.open()
    await store.write(make_batch(make_player(1000), last_seen={1000: 1.5, 3000: 3.5}))
    await store.close()
    assert (await store.open()).last_seen == {1000: 1.5}
    await store.close()
    with closing(sqlite3.connect(path)) as db:
        assert db.execute("SELECT player FROM sign").fetchall() == [(1000,)]


async def test_closed_store_is_a_single_file(path):
    await write_and_close(path, make_player(1))
    assert os.listdir(path.parent) == [path.name]


async def test_closed_store_leaves_no_thread(path):
    before = threading.active_count()
    await write_and_close(path, make_player(1))
    assert threading.active_count() == before


async def test_written_values_are_durable_before_close(store, path):
    await store.write(make_batch(make_player(1)))
    with closing(sqlite3.connect(path)) as other:
        assert other.execute("SELECT kind, id FROM entity").fetchall() == [("Player", 1)]


async def test_every_write_is_synced_to_disk(store):
    rows = await store._writer.execute_fetchall("PRAGMA synchronous")
    assert [tuple(row) for row in rows] == [(2,)], "2 is FULL"


async def test_the_thread_has_the_batch_when_the_event_loop_lets_it_run(store, monkeypatch):
    began, write = threading.Event(), store_module._write

    def begin(*args):
        began.set()
        write(*args)

    seen = []
    monkeypatch.setattr(store_module, "_write", begin)
    monkeypatch.setattr(store_module, "let_threads_run", lambda: seen.append(began.wait(30)))
    await store.write(make_batch(make_player(1)))
    assert seen == [True]


async def test_unopened_store_raises_store_failed(path):
    store = SqliteStore(path)
    with pytest.raises(StoreFailed):
        await store.write(Batch())
    with pytest.raises(StoreFailed):
        await store.entries([], -1, 1)


async def test_closed_store_can_be_opened_again(store):
    await store.write(make_batch(make_player(1)))
    await store.close()
    assert list((await store.open()).values) == [make_player(1)]


async def test_missing_directory_is_named_in_the_error(tmp_path):
    with pytest.raises(StoreUnusable, match="nowhere"):
        await SqliteStore(tmp_path / "nowhere" / "store.sqlite3").open()


async def test_newer_file_is_refused_and_unchanged(path):
    await write_and_close(path, make_player(1))
    change(path, "PRAGMA user_version = 1000")
    before = path.read_bytes()
    with pytest.raises(StoreTooNew, match="1000"):
        await SqliteStore(path).open()
    assert path.read_bytes() == before


async def test_database_of_another_program_is_refused_and_unchanged(path):
    change(path, "CREATE TABLE theirs (id)")
    before = path.read_bytes()
    with pytest.raises(NotAStore, match="another program"):
        await SqliteStore(path).open()
    assert path.read_bytes() == before


async def test_file_that_is_no_database_is_refused_and_unchanged(path):
    path.write_bytes(b"Dear diary, " * 1000)
    with pytest.raises(NotAStore):
        await SqliteStore(path).open()
    assert path.read_bytes() == b"Dear diary, " * 1000


async def test_damaged_file_is_refused(path):
    await write_and_close(path, *(make_player(id) for id in range(1, 1000)))
    with open(path, "r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 8192)
    with pytest.raises(NotAStore):
        await SqliteStore(path).open()


async def test_unreadable_document_is_named(path):
    await write_and_close(path, make_player(7))
    change(path, "UPDATE entity SET doc = '{}'")
    with pytest.raises(NotAStore, match="Player 7"):
        await SqliteStore(path).open()


async def test_failed_open_leaves_no_thread(path):
    path.write_bytes(b"Dear diary, " * 1000)
    before = threading.active_count()
    with pytest.raises(NotAStore):
        await SqliteStore(path).open()
    assert threading.active_count() == before


async def test_store_can_be_closed_after_a_failed_open(path):
    path.write_bytes(b"Dear diary, " * 1000)
    store = SqliteStore(path)
    with pytest.raises(NotAStore):
        await store.open()
    await store.close()


async def test_write_to_a_full_disk_fails(store):
    await fill_disk(store)
    with pytest.raises(StoreFailed, match="full"):
        await store.write(make_large_batch())


async def test_failed_write_changes_nothing(store, path):
    await store.write(make_batch(make_player(1, "before"), counters={Player: 2}))
    await fill_disk(store)
    with pytest.raises(StoreFailed):
        batch = make_large_batch()
        batch.counters[Player] = 200
        await store.write(batch)
    await store.close()
    known = await store.open()
    assert list(known.values) == [make_player(1, "before")]
    assert known.counters == {Player: 2}


async def test_store_can_be_closed_after_a_failed_write(store):
    await fill_disk(store)
    with pytest.raises(StoreFailed):
        await store.write(make_large_batch())
    await store.close()


async def test_write_succeeds_when_there_is_room_again(store):
    await fill_disk(store)
    with pytest.raises(StoreFailed):
        await store.write(make_large_batch())
    await store._writer.execute("PRAGMA max_page_count = 100000")
    await store.write(make_large_batch())


async def test_entry_id_cannot_be_written_twice(store):
    await write_entries(store, make_entry(0))
    with pytest.raises(StoreFailed):
        await write_entries(store, make_entry(0))


async def test_writes_continue_during_a_large_deletion(store):
    await write_entries(store, *(make_entry(id) for id in range(5000)))
    deleting = asyncio.ensure_future(store.delete_expired_entries(before=100.0, keep=0))
    await write_entries(store, make_entry(5000, at=200.0))
    assert not deleting.done()
    assert await deleting == 5000


async def test_backup_has_everything_written_before(store, tmp_path):
    await store.write(make_batch(make_player(1)))
    await write_entries(store, make_entry(0))
    await store.backup(tmp_path / "copy")
    copy = SqliteStore(tmp_path / "copy")
    known = await copy.open()
    assert (list(known.values), known.head) == ([make_player(1)], 0)
    assert ids(await copy.newest(("player", 1), 5)) == [0]
    await copy.close()


async def test_backup_replaces_an_older_one(store, tmp_path):
    await store.backup(tmp_path / "copy")
    await store.write(make_batch(make_player(1)))
    await store.backup(tmp_path / "copy")
    assert await values_in(tmp_path / "copy") == [make_player(1)]


async def test_failed_backup_keeps_the_older_one(store, tmp_path):
    (tmp_path / "copy").mkdir()
    with pytest.raises(OSError):
        await store.backup(tmp_path / "copy")
    assert sorted(os.listdir(tmp_path / "copy")) == []
    assert not (tmp_path / "copy.part").exists()


async def test_running_store_can_be_checked(store, path):
    await store.write(make_batch(make_player(1)))
    assert check_file(path) >= 1


async def test_closed_store_can_be_checked_and_is_unchanged(path):
    await write_and_close(path, make_player(1))
    before = path.read_bytes()
    check_file(path)
    assert path.read_bytes() == before
    assert os.listdir(path.parent) == [path.name]


async def test_check_refuses_other_files(path):
    for content in (b"", b"Dear diary, " * 1000):
        path.write_bytes(content)
        with pytest.raises(NotAStore):
            check_file(path)


async def test_check_refuses_a_missing_file_without_creating_it(path):
    with pytest.raises(NotAStore):
        check_file(path)
    assert not path.exists()


async def test_check_refuses_a_newer_file(path):
    await write_and_close(path)
    change(path, "PRAGMA user_version = 1000")
    with pytest.raises(StoreTooNew):
        check_file(path)


async def test_check_refuses_a_damaged_file(path):
    await write_and_close(path, *(make_player(id) for id in range(1, 1000)))
    with open(path, "r+b") as file:
        file.seek(12288)
        file.write(b"\xff" * 4096)
    with pytest.raises(NotAStore, match="damaged"):
        check_file(path)
