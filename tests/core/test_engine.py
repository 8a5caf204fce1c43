"""The engine: what a caller is told is on disk, and a request that is repeated does nothing again."""

import asyncio

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.cleanup import RETENTION_SECONDS, delete_expired_idempotency_records
from coalserver.core.commands.join_requests import answer_join_request, request_to_join
from coalserver.core.commands.lobbies import join_lobby, open_lobby, set_ready
from coalserver.core.engine import Core, IdempotencyKey
from coalserver.core.queries.lobbies import get_lobby
from coalserver.domain.errors import ErrorCode
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.play.lobby import Lobby
from tests.core.stores import let_others_run
from tests.domain.builders import raises_code

HERE = IdempotencyKey.of("token", "key", b"POST /lobbies", b'{"name":"here"}')
THERE = IdempotencyKey.of("token", "key", b"POST /lobbies", b'{"name":"there"}')


def open_once(core, repeat=HERE, **asked):
    asked = {"game": "free", "player_id": 1, "name": "here", **asked}
    return core.execute_idempotent(
        repeat, open_lobby, to_ids=lambda lobby: {"id": lobby.id}, **asked
    )


def lobbies(core):
    return [lobby.id for lobby in core.state.all(Lobby)]


async def test_a_command_sees_the_time_once(core, clock):
    clock.now = 1234.5
    lobby = await core.execute(open_lobby, game="free", player_id=1, name="here")
    (entry,), _ = await core.entries([topics.lobby(lobby.id)], -1, 10)
    assert lobby.opened == lobby.roster.get_seat(1).joined == entry.at == 1234.5


async def test_a_question_is_answered_from_memory(core, store):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    assert core.query(get_lobby, game="free", id=1).name == "here"


async def test_who_changed_nothing_is_answered_when_what_he_saw_is_on_disk(core, store):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    store.block_writes()
    asyncio.ensure_future(core.execute(set_ready, lobby_id=1, player_id=1, ready=False))
    again = asyncio.ensure_future(core.execute(set_ready, lobby_id=1, player_id=1, ready=False))
    await let_others_run()
    assert not again.done()
    store.unblock_writes()
    assert not (await again).roster.get_seat(1).ready


async def test_who_is_refused_is_told_when_what_he_was_refused_for_is_on_disk(core, store):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    store.block_writes()
    asyncio.ensure_future(core.execute(join_lobby, lobby_id=1, player_id=2))
    again = asyncio.ensure_future(core.execute(join_lobby, lobby_id=1, player_id=2))
    await let_others_run()
    assert not again.done()
    store.unblock_writes()
    with raises_code(ErrorCode.ALREADY_MEMBER):
        await again


async def test_a_repeated_request_is_answered_as_the_first_and_does_nothing(core):
    assert await open_once(core) == {"id": 1}
    assert await open_once(core) == {"id": 1}
    assert lobbies(core) == [1]


async def test_of_two_at_once_only_the_first_does_anything(core, store):
    store.block_writes()
    both = [asyncio.ensure_future(open_once(core)) for _ in range(2)]
    await let_others_run()
    assert not any(answer.done() for answer in both)
    store.unblock_writes()
    assert await asyncio.gather(*both) == [{"id": 1}, {"id": 1}]
    assert lobbies(core) == [1]


async def test_one_key_for_two_requests_is_refused(core):
    await open_once(core)
    with raises_code(ErrorCode.IDEMPOTENCY_KEY_REUSED):
        await open_once(core, THERE, name="there")
    assert lobbies(core) == [1]


async def test_two_callers_may_use_one_key(core):
    await open_once(core)
    other = IdempotencyKey.of("another token", "key", b"POST /lobbies", b'{"name":"here"}')
    assert await open_once(core, other, player_id=2) == {"id": 2}


async def test_a_refused_request_leaves_no_receipt_and_may_be_tried_again(core, store):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        await open_once(core, game="nowhere")
    assert store.batches == []
    assert await open_once(core) == {"id": 1}


async def test_a_receipt_outlives_a_restart(core, store, setting):
    await open_once(core)
    again = await Core.recover(store, setting)
    assert await open_once(again) == {"id": 1}


async def test_the_receipt_and_what_it_is_for_are_one_batch(core, store):
    await open_once(core)
    (batch,) = store.batches
    assert {Lobby, IdempotencyRecord} <= {kind for kind, _ in batch.values}


async def test_a_receipt_is_forgotten_when_nobody_will_repeat_the_request(core, clock):
    await open_once(core)
    clock.now += RETENTION_SECONDS
    assert await core.execute(delete_expired_idempotency_records) == 1
    assert await open_once(core) == {"id": 2}


def test_what_is_said_in_two_parts_is_not_what_is_said_in_one():
    assert IdempotencyKey.of("token", "key", b"ab", b"c") != IdempotencyKey.of(
        "token", "key", b"a", b"bc"
    )


async def test_entries_are_read_on_from_where_one_stopped(core):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    for text in "abc":
        await core.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    heard, cursor = await core.entries([topics.lobby_chat(1)], -1, 2)
    assert [entry.event.text for entry in heard] == ["a", "b"]
    heard, cursor = await core.entries([topics.lobby_chat(1)], cursor, 2)
    assert [entry.event.text for entry in heard] == ["c"]
    assert cursor == core.feed.head


async def test_a_cursor_older_than_the_tail_is_answered_from_disk(core, store, setting):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    for text in "abc":
        await core.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    again = await Core.recover(store, setting)
    assert not again.feed.covers(0)
    heard, cursor = await again.entries([topics.lobby_chat(1)], 0, 10)
    assert [entry.event.text for entry in heard] == ["a", "b", "c"]
    assert cursor == again.feed.head == 3


async def test_what_is_on_disk_is_read_when_it_was_said_and_not_before(store, setting, core):
    for player in (1, 2):
        await core.execute(open_lobby, game="free", player_id=player, name="here")
    again = await Core.recover(store, setting)
    work = asyncio.create_task(again.writer.run())
    store.late = True
    store.block_writes()
    asyncio.ensure_future(again.execute(open_lobby, game="free", player_id=1, name="there"))
    await let_others_run()
    heard, cursor = await again.entries([topics.lobbies("free")], 0, 10)
    assert ([entry.id for entry in heard], cursor) == ([1], 1)
    store.unblock_writes()
    await let_others_run()
    heard, cursor = await again.entries([topics.lobbies("free")], cursor, 10)
    assert ([entry.id for entry in heard], cursor) == ([2], 2)
    again.writer.close()
    await work


@pytest.mark.parametrize("tail", [0, 2, 100])
async def test_the_newest_entries_come_from_memory_and_from_disk_alike(store, setting, core, tail):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    again = await Core.recover(store, setting, tail)
    work = asyncio.create_task(again.writer.run())
    for text in "abcd":
        await again.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    newest = await again.newest(topics.lobby_chat(1), 3)
    assert [entry.event.text for entry in newest] == ["b", "c", "d"]
    again.writer.close()
    await work


async def test_what_was_forgotten_is_known_to_be_lost(core, clock):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    for text in "abc":
        await core.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    await core.delete_expired_entries(before=clock.now + 1, keep=1)
    assert core.feed.oldest == 3
    assert core.feed.has_gap(1)
    assert not core.feed.has_gap(2)


async def test_after_a_restart_ids_go_on(core, store, setting):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    again = await Core.recover(store, setting)
    work = asyncio.create_task(again.writer.run())
    player, _ = await again.execute(create_guest, name="")
    entry = await again.execute(members.chat, kind=Lobby, id=1, player_id=1, text="hello")
    assert (player.id, entry.id) == (3, 1)
    again.writer.close()
    await work


async def test_a_sign_of_life_says_whether_one_was_away(core, clock):
    core.record_activity(1)
    clock.now += 60
    assert core.presence.expire(clock.now, 30) == [1]
    assert core.record_activity(1)
    assert not core.record_activity(1)


async def test_a_silent_player_who_is_let_in_is_watched_like_everyone(core, clock):
    ann, _ = await core.execute(create_guest, name="Ann")
    bob, _ = await core.execute(create_guest, name="Bob")
    await core.execute(open_lobby, game="free", player_id=ann.id, name="x", requires_approval=True)
    core.record_activity(bob.id)
    asked = await core.execute(request_to_join, lobby_id=1, player_id=bob.id)
    clock.now += 100
    core.record_activity(ann.id)
    for player in core.presence.expire(clock.now, 60):
        core.presence.unwatch(player)
    await core.execute(answer_join_request, code=asked.code, by=ann.id, approve=True)
    assert core.presence.expire(clock.now, 60) == [bob.id]
