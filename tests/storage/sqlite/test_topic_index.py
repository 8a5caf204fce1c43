"""The rows of `event_topic`, which are written later than the entries: nobody can tell, whatever happens in between."""

import random
import sqlite3
from contextlib import closing

import orjson
import pytest

from coalserver.core.ports import Batch, StoreFailed
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite import events
from coalserver.storage.sqlite.events import ROWS_AT_ONCE, TopicIndex, insert_rows
from coalserver.storage.sqlite.store import SqliteStore
from tests.storage.builders import ids, make_entry, write_entries

TOPICS = [("lobby", 1), ("lobby", 2), ("lobbies", "noughts"), ("player", 7)]


async def kill(store):
    """End a store as a killed process does: nothing more is written."""
    for db in (store._reader, store._writer):
        await db.close()
        db._thread.join()
    store._reader = store._writer = None


def rows(path):
    """Return the rows of `event_topic`, those that the entries should have, and the id in `indexed`."""
    with closing(sqlite3.connect(path)) as db:
        found = db.execute("SELECT topic, id FROM event_topic ORDER BY topic, id").fetchall()
        wanted = {
            (topic, id)
            for id, topics in db.execute("SELECT id, topics FROM event")
            for topic in orjson.loads(topics)
        }
        (indexed,) = db.execute("SELECT below FROM indexed").fetchone()
    return found, sorted(wanted), indexed


async def test_rows_are_not_written_with_their_entries(store, path):
    await write_entries(store, *(make_entry(id, *TOPICS) for id in range(100)))
    assert rows(path)[0] == []
    assert ids(await store.entries([TOPICS[0]], 50, 3)) == [51, 52, 53]
    assert ids(await store.newest(TOPICS[1], 2)) == [98, 99]


async def test_closed_file_has_all_rows(store, path):
    await write_entries(store, *(make_entry(id, *TOPICS[: 1 + id % 4]) for id in range(3000)))
    await store.close()
    found, wanted, indexed = rows(path)
    assert found == wanted
    assert indexed == 3000


async def test_start_writes_the_rows_of_a_killed_process(store, path, monkeypatch):
    monkeypatch.setattr(TopicIndex, "MAX_ROWS", 10)
    for id in range(40):
        await write_entries(store, make_entry(id, *random.Random(id).sample(TOPICS, 2)))
    await kill(store)
    found, wanted, indexed = rows(path)
    assert 0 < indexed < 40 and 0 < len(found) < len(wanted)
    await store.open()
    found, wanted, indexed = rows(path)
    assert found == wanted
    assert indexed == 40


async def test_full_set_is_written_by_the_next_batches_in_the_order_of_the_table(
    store, path, monkeypatch
):
    monkeypatch.setattr(TopicIndex, "MAX_ROWS", 300)
    await write_entries(store, *(make_entry(id, *TOPICS) for id in range(100)))
    assert rows(path)[0] == []
    written = []
    for id in range(100, 140):
        await write_entries(store, make_entry(id, *TOPICS))
        written.append(len(rows(path)[0]))
        # A batch of one entry with four topics does not pay for a hundred others.
        assert written[-1] <= 2 * 4 * 100 + 16 + (id - 100) * (2 * 4 + 16)
    assert written == sorted(written)
    assert written[-1] >= 400
    assert [topic for topic, _ in rows(path)[0]] == sorted(topic for topic, _ in rows(path)[0])


async def test_gathering_rows_do_not_grow_without_bound(store, monkeypatch):
    monkeypatch.setattr(TopicIndex, "MAX_ROWS", 50)
    for id in range(1000):
        await write_entries(store, make_entry(id, *TOPICS))
        index = store._topic_index
        assert index._count + len(index._rows) <= 3 * 50


async def test_batch_without_entries_writes_rows_that_are_due(store, path, monkeypatch):
    monkeypatch.setattr(TopicIndex, "MAX_ROWS", 8)
    await write_entries(store, *(make_entry(id, *TOPICS) for id in range(4)))
    for _ in range(5):
        await store.write(Batch())
    assert len(rows(path)[0]) == 16


async def test_deleted_entries_leave_no_rows(store, path):
    await write_entries(store, *(make_entry(id, *TOPICS, at=float(id)) for id in range(50)))
    assert await store.delete_expired_entries(before=30.0, keep=5) == 30
    await store.close()
    found, wanted, _ = rows(path)
    assert found == wanted
    assert {id for _, id in found} == set(range(30, 50))


async def test_entry_that_was_deleted_after_its_rows_were_read_takes_no_place(store, path):
    await write_entries(store, *(make_entry(id, TOPICS[0]) for id in range(10)))
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DELETE FROM event WHERE id < 5")
        index = store._topic_index
        assert ids(events.after(db, index, ["lobby:1"], -1, 3)) == [5, 6, 7]
        assert ids(events.newest(db, index, "lobby:1", 20)) == [5, 6, 7, 8, 9]


async def test_failed_batch_loses_no_rows(store, path, monkeypatch):
    monkeypatch.setattr(TopicIndex, "MAX_ROWS", 4)
    await write_entries(store, *(make_entry(id, *TOPICS) for id in range(4)))
    with pytest.raises(StoreFailed):
        await write_entries(store, make_entry(0, TOPICS[0]))
    await store.close()
    found, wanted, _ = rows(path)
    assert found == wanted


@pytest.mark.parametrize("seed", range(6))
async def test_reads_are_those_of_a_store_in_memory(path, monkeypatch, seed):
    rng = random.Random(seed)
    monkeypatch.setattr(TopicIndex, "MAX_ROWS", rng.choice((1, 10, 60)))
    monkeypatch.setattr(TopicIndex, "STEP_ROWS", rng.choice((1, 7, 1000)))
    sqlite, memory = SqliteStore(path), MemoryStore()
    for store in (sqlite, memory):
        await store.open()
    next_id = 0
    for _ in range(120):
        action = rng.random()
        if action < 0.6:
            made = []
            for _ in range(rng.randrange(1, 8)):
                next_id += rng.choice((0, 0, 0, 100))
                some = rng.sample(TOPICS, rng.randrange(len(TOPICS) + 1))
                made.append(make_entry(next_id, *some, at=float(next_id)))
                next_id += 1
            for store in (sqlite, memory):
                await write_entries(store, *made)
        elif action < 0.65:
            before, keep = rng.uniform(0, next_id), rng.randrange(20)
            for store in (sqlite, memory):
                await store.delete_expired_entries(before, keep)
        elif action < 0.75:
            await (kill(sqlite) if action < 0.7 else sqlite.close())
            await sqlite.open()
        some = rng.sample(TOPICS, rng.randrange(1, 4))
        after, limit = rng.randrange(-1, next_id + 2), rng.randrange(1, 12)
        assert await sqlite.entries(some, after, limit) == await memory.entries(some, after, limit)
        assert await sqlite.newest(some[0], limit) == await memory.newest(some[0], limit)
    await sqlite.close()
    found, wanted, _ = rows(path)
    assert found == wanted


@pytest.mark.parametrize("count", [0, 1, ROWS_AT_ONCE - 1, ROWS_AT_ONCE, 3 * ROWS_AT_ONCE + 5])
def test_many_rows_are_inserted_each_once(count):
    wanted = [(number, f"doc {number}") for number in range(count)]
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE one (id INTEGER PRIMARY KEY, doc TEXT)")
        statements = []
        db.set_trace_callback(statements.append)
        insert_rows(db, "INSERT INTO one VALUES ", "(?, ?)", wanted)
        db.set_trace_callback(None)
        sizes = [one.count("(") for one in statements if one.startswith("INSERT")]
        assert sizes == [ROWS_AT_ONCE] * (count // ROWS_AT_ONCE) + [1] * (count % ROWS_AT_ONCE)
        assert db.execute("SELECT id, doc FROM one ORDER BY id").fetchall() == wanted
