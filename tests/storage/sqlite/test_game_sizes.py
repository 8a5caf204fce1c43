"""Bytes of each game: right after every write, a restart, a deletion and a migration."""

import asyncio
import random
import sqlite3
from contextlib import closing

import pytest

from coalserver.core.commands.cleanup import delete_expired_lobbies, delete_expired_rooms
from coalserver.core.commands.games import add_game, save_storage_item
from coalserver.core.commands.join_requests import request_to_join
from coalserver.core.commands.lobbies import open_lobby
from coalserver.core.commands.members import force_close
from coalserver.core.commands.messages import send_action, send_update
from coalserver.core.commands.players import register_player, save_player_data
from coalserver.core.commands.rooms import join_room, open_room
from coalserver.core.commands.synced_state import update_synced_state
from coalserver.core.engine import Core
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.play.actions import Target
from coalserver.domain.play.lobby import CloseReason
from coalserver.domain.play.room import Room
from coalserver.domain.text import secret_digest
from coalserver.storage.sqlite import game_sizes
from coalserver.storage.sqlite.schema import MIGRATIONS, migrate
from coalserver.storage.sqlite.store import SqliteStore
from tests.core.stores import Clock

#: Documents and events of a game, read from the tables themselves.
DOCUMENTS = (
    "SELECT sum(length(CAST(doc AS BLOB))) FROM entity AS e WHERE json_extract(doc, '$.game') = ?1"
    " OR kind IN ('Truth', 'Action') AND ?1 = (SELECT json_extract(doc, '$.game') FROM entity"
    " WHERE kind = 'Room' AND id = CASE e.kind WHEN 'Truth' THEN e.id ELSE json_extract(e.doc, '$.room') END)"
    " OR kind = 'JoinRequest' AND ?1 = (SELECT json_extract(doc, '$.game') FROM entity"
    " WHERE kind = 'Lobby' AND id = json_extract(e.doc, '$.lobby'))"
)
EVENTS = "SELECT sum(length(CAST(doc AS BLOB))) FROM event WHERE json_extract(doc, '$.game') = ?"
#: The first version with the table.
VERSION = 5


def size_on_disk(path, game):
    with closing(sqlite3.connect(path)) as db:
        return sum(db.execute(query, (game,)).fetchone()[0] or 0 for query in (DOCUMENTS, EVENTS))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "store.sqlite3"


@pytest.fixture
async def recover(path):
    """Open the store again and return its core; the writer of the one before is closed."""
    opened = []

    async def close():
        core, store, writing = opened.pop()
        core.writer.close()
        await writing
        await store.close()

    async def recover():
        if opened:
            await close()
        store = SqliteStore(path)
        core = await Core.recover(store, CoreContext(Clock(), random.Random(1), signing_key=b"k"))
        opened.append((core, store, asyncio.create_task(core.writer.run())))
        return core

    yield recover
    await close()


async def play(core, game):
    """Make two players, a lobby with a request, and a room with data of every kind; return the room."""
    await core.execute(add_game, tag=game, max_players=8)
    players = [
        (await core.execute(register_player, game=game, name=name))[0].id
        for name in ("Ä", "B", "C")
    ]
    ann, bob, cid = players
    for size in (10, 5000, 100):
        data = b'{"x": "%b"}' % ("ü" * size).encode()
        await core.execute(save_player_data, player_id=ann, data=data)
    await core.execute(
        save_storage_item, game=game, player_id=ann, by=ann, storage_key="k", value=b'"' + b"x" * 500 + b'"'
    )  # fmt: skip
    lobby = await core.execute(
        open_lobby, game=game, player_id=cid, name="x", requires_approval=True
    )
    await core.execute(request_to_join, lobby_id=lobby.id, player_id=bob)
    room = await core.execute(
        open_room, game=game, player_id=ann, name="x", capacity=4, authority=secret_digest("s")
    )
    await core.execute(join_room, room_id=room.id, player_id=bob)
    message = {"room_id": room.id, "sender": ann, "target": Target.ALL, "type": "move"}
    for number in range(20):
        await core.execute(send_update, **message, data=b'{"number": %d}' % number)
    await core.execute(send_action, **message, request=b'"please"')
    state = b'{"hp": %d}'
    for number in range(3):
        await core.execute(
            update_synced_state, room_id=room.id, by=ann, secret="s", state=state % number
        )
    return room


async def test_sizes_equal_the_documents_on_disk(path, recover):
    core = await recover()
    for game in ("chess", "go"):
        await play(core, game)
        assert core.state.game_bytes[game] == size_on_disk(path, game) > 2000


async def test_sizes_are_right_after_a_restart(path, recover):
    core = await recover()
    await play(core, "chess")
    before = dict(core.state.game_bytes)
    core = await recover()
    assert core.state.game_bytes == before == {"chess": size_on_disk(path, "chess")}


async def test_deleted_documents_are_subtracted(path, recover):
    core = await recover()
    room = await play(core, "chess")
    await core.execute(lambda uow: force_close(uow, uow.get(Room, room.id), CloseReason.CLOSED))
    core.context.clock.now += 1e6
    for delete in (delete_expired_rooms, delete_expired_lobbies):
        while await core.execute(delete, retention_seconds=1):
            pass
    assert core.state.get(Room, room.id) is None
    assert core.state.game_bytes["chess"] == size_on_disk(path, "chess")


async def test_deleted_entries_are_subtracted_in_chunks(path, recover, monkeypatch):
    core = await recover()
    monkeypatch.setattr(game_sizes, "CHUNK_SIZE", 4)
    await play(core, "chess")
    before = core.state.game_bytes["chess"]
    core.context.clock.now += 1e6
    await core.delete_expired_entries(core.context.clock.now, keep=0)
    left = size_on_disk(path, "chess")
    assert left <= core.state.game_bytes["chess"] <= left + 2000 < before
    assert (await recover()).state.game_bytes["chess"] <= left + 2000


async def test_migration_counts_what_is_there(path, recover):
    core = await recover()
    await play(core, "chess")
    await recover()
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        db.execute("DROP TABLE game_size")
        db.execute(f"PRAGMA user_version = {VERSION - 1}")
        assert migrate(db, path, MIGRATIONS[:VERSION], keep_copy=False) == VERSION - 1
        assert game_sizes.load(db) == {"chess": size_on_disk(path, "chess")}


async def test_new_and_recent_documents_are_not_read_for_their_size(path, recover):
    core = await recover()
    store = core.history
    await core.execute(add_game, tag="chess", max_players=8)
    statements = []
    trace = store._writer._conn.set_trace_callback
    await store._writer._execute(trace, statements.append)
    ann, bob = [
        (await core.execute(register_player, game="chess", name=name))[0].id for name in "AB"
    ]
    room = await core.execute(open_room, game="chess", player_id=ann, name="new", capacity=4)
    await core.execute(join_room, room_id=room.id, player_id=bob)
    await store._writer._execute(trace, None)
    assert any(statement.startswith("INSERT INTO entity") for statement in statements)
    # Only of the first document of a class: its counter has not been written since the start.
    assert len([statement for statement in statements if "SELECT length" in statement]) <= 2
    assert core.state.game_bytes["chess"] == size_on_disk(path, "chess")


async def test_sizes_of_few_documents_are_remembered():
    stored = game_sizes.StoredSizes()
    with closing(sqlite3.connect(":memory:")) as db:
        db.execute("CREATE TABLE entity (kind TEXT, id INTEGER, doc TEXT)")
        db.execute("INSERT INTO entity VALUES ('Lobby', 1, '12345')")
        assert stored.find(db, "Lobby", 1) == 5
        stored.add_written({("Lobby", 1): 2}, [], [("Lobby", 3), (Room, 9)])
        assert (stored.find(db, "Lobby", 1), stored.find(db, "Lobby", 3)) == (2, 0)
        # Below the counter and not written lately: asked for.
        assert stored.find(db, "Lobby", 2) == 0
        stored.add_written({}, [("Lobby", 1)], [])
        assert stored.find(db, "Lobby", 1) == 5
        many = {("Lobby", id): 1 for id in range(10, 20 + stored.MAX_SIZES)}
        stored.add_written(many, [], [])
        assert len(stored._recent) == stored.MAX_SIZES
