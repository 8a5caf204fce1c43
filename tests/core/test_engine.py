"""The engine: results are returned after the write, and repeated requests act once."""

import asyncio
import json

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.cleanup import RETENTION_SECONDS, delete_expired_idempotency_records
from coalserver.core.commands.join_requests import answer_join_request, request_to_join
from coalserver.core.commands.lobbies import join_lobby, open_lobby, set_ready
from coalserver.core.engine import Core, IdempotencyKey
from coalserver.core.queries.lobbies import get_lobby
from coalserver.core.steps import MAX_WORK
from coalserver.domain.errors import ErrorCode
from coalserver.domain.idempotency import IdempotencyRecord
from coalserver.domain.play.lobby import Lobby
from tests.core.stores import let_others_run
from tests.domain.builders import raises_code

HERE = IdempotencyKey.of("token", "key", b"POST /lobbies", b'{"name":"here"}')
THERE = IdempotencyKey.of("token", "key", b"POST /lobbies", b'{"name":"there"}')


def open_once(core, key=HERE, **kwargs):
    kwargs = {"game": "free", "player_id": 1, "name": "here", **kwargs}
    return core.execute_idempotent(key, open_lobby, to_ids=lambda lobby: {"id": lobby.id}, **kwargs)


def lobbies(core):
    return [lobby.id for lobby in core.state.all(Lobby)]


async def test_command_has_one_time_throughout(core, clock):
    clock.now = 1234.5
    lobby = await core.execute(open_lobby, game="free", player_id=1, name="here")
    (entry,), _ = await core.entries([topics.lobby(lobby.id)], -1, 10)
    assert lobby.opened == lobby.roster.get_seat(1).joined == entry.at == 1234.5


async def test_query_is_answered_from_memory(core, store):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    assert core.query(get_lobby, game="free", id=1).name == "here"


async def test_unchanged_result_is_returned_after_pending_writes(core, store):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    store.block_writes()
    asyncio.ensure_future(core.execute(set_ready, lobby_id=1, player_id=1, ready=False))
    again = asyncio.ensure_future(core.execute(set_ready, lobby_id=1, player_id=1, ready=False))
    await let_others_run()
    assert not again.done()
    store.unblock_writes()
    assert not (await again).roster.get_seat(1).ready


async def test_error_is_raised_after_pending_writes(core, store):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    store.block_writes()
    asyncio.ensure_future(core.execute(join_lobby, lobby_id=1, player_id=2))
    again = asyncio.ensure_future(core.execute(join_lobby, lobby_id=1, player_id=2))
    await let_others_run()
    assert not again.done()
    store.unblock_writes()
    with raises_code(ErrorCode.ALREADY_MEMBER):
        await again


async def test_repeated_request_has_the_first_result_and_acts_once(core):
    assert await open_once(core) == {"id": 1}
    assert await open_once(core) == {"id": 1}
    assert lobbies(core) == [1]


async def test_concurrent_repeats_act_once(core, store):
    store.block_writes()
    both = [asyncio.ensure_future(open_once(core)) for _ in range(2)]
    await let_others_run()
    assert not any(task.done() for task in both)
    store.unblock_writes()
    assert await asyncio.gather(*both) == [{"id": 1}, {"id": 1}]
    assert lobbies(core) == [1]


async def test_other_request_with_the_same_key_is_refused(core):
    await open_once(core)
    with raises_code(ErrorCode.IDEMPOTENCY_KEY_REUSED):
        await open_once(core, THERE, name="there")
    assert lobbies(core) == [1]


async def test_two_callers_may_use_the_same_key(core):
    await open_once(core)
    other = IdempotencyKey.of("another token", "key", b"POST /lobbies", b'{"name":"here"}')
    assert await open_once(core, other, player_id=2) == {"id": 2}


async def test_refused_request_leaves_no_record_and_may_be_repeated(core, store):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        await open_once(core, game="nowhere")
    assert store.batches == []
    assert await open_once(core) == {"id": 1}


async def test_idempotency_record_survives_a_restart(core, store, context):
    await open_once(core)
    again = await Core.recover(store, context)
    assert await open_once(again) == {"id": 1}


async def test_change_and_idempotency_record_are_in_one_batch(core, store):
    await open_once(core)
    (batch,) = store.batches
    assert {Lobby, IdempotencyRecord} <= {kind for kind, _ in batch.values}


async def test_expired_idempotency_record_allows_the_request_again(core, clock):
    await open_once(core)
    clock.now += RETENTION_SECONDS
    assert await core.execute(delete_expired_idempotency_records) == 1
    assert await open_once(core) == {"id": 2}


def test_idempotency_key_separates_its_parts():
    assert IdempotencyKey.of("token", "key", b"ab", b"c") != IdempotencyKey.of(
        "token", "key", b"a", b"bc"
    )


async def test_entries_continue_after_the_cursor(core):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    for text in "abc":
        await core.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    entries, cursor = await core.entries([topics.lobby_chat(1)], -1, 2)
    assert [entry.event.text for entry in entries] == ["a", "b"]
    entries, cursor = await core.entries([topics.lobby_chat(1)], cursor, 2)
    assert [entry.event.text for entry in entries] == ["c"]
    assert cursor == core.feed.head


async def test_cursor_older_than_memory_is_served_from_disk(core, store, context):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    for text in "abc":
        await core.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    again = await Core.recover(store, context)
    assert not again.feed.covers(0, [topics.lobby_chat(1)])
    entries, cursor = await again.entries([topics.lobby_chat(1)], 0, 10)
    assert [entry.event.text for entry in entries] == ["a", "b", "c"]
    assert cursor == again.feed.head == 3


async def test_entries_on_disk_are_returned_once_published(store, context, core):
    for player in (1, 2):
        await core.execute(open_lobby, game="free", player_id=player, name="here")
    again = await Core.recover(store, context)
    writing = asyncio.create_task(again.writer.run())
    store.late = True
    store.block_writes()
    asyncio.ensure_future(again.execute(open_lobby, game="free", player_id=1, name="there"))
    await let_others_run()
    entries, cursor = await again.entries([topics.lobbies("free")], 0, 10)
    assert ([entry.id for entry in entries], cursor) == ([1], 1)
    store.unblock_writes()
    await let_others_run()
    entries, cursor = await again.entries([topics.lobbies("free")], cursor, 10)
    assert ([entry.id for entry in entries], cursor) == ([2], 2)
    again.writer.close()
    await writing


@pytest.mark.parametrize("tail", [0, 2, 100])
async def test_newest_entries_are_the_same_from_memory_and_disk(store, context, core, tail):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    again = await Core.recover(store, context, tail)
    writing = asyncio.create_task(again.writer.run())
    for text in "abcd":
        await again.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    newest = await again.newest(topics.lobby_chat(1), 3)
    assert [entry.event.text for entry in newest] == ["b", "c", "d"]
    again.writer.close()
    await writing


async def test_deleted_entries_are_reported_as_a_gap(core, clock):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    for text in "abc":
        await core.execute(members.chat, kind=Lobby, id=1, player_id=1, text=text)
    await core.delete_expired_entries(before=clock.now + 1, keep=1)
    assert core.feed.oldest == 3
    assert core.feed.has_gap(1)
    assert not core.feed.has_gap(2)


async def test_ids_continue_after_a_restart(core, store, context):
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    again = await Core.recover(store, context)
    writing = asyncio.create_task(again.writer.run())
    player, _ = await again.execute(create_guest, name="")
    entry = await again.execute(members.chat, kind=Lobby, id=1, player_id=1, text="hello")
    assert (player.id, entry.id) == (3, 1)
    again.writer.close()
    await writing


async def test_activity_of_an_away_player_is_reported_once(core, clock):
    core.record_activity(1)
    clock.now += 60
    assert core.presence.expire(clock.now, 30) == [1]
    assert core.record_activity(1)
    assert not core.record_activity(1)


async def test_silent_player_with_a_new_seat_expires(core, clock):
    ann, _ = await core.execute(create_guest, name="Ann")
    bob, _ = await core.execute(create_guest, name="Bob")
    await core.execute(open_lobby, game="free", player_id=ann.id, name="x", requires_approval=True)
    core.record_activity(bob.id)
    request = await core.execute(request_to_join, lobby_id=1, player_id=bob.id)
    clock.now += 100
    core.record_activity(ann.id)
    for player in core.presence.expire(clock.now, 60):
        core.presence.unwatch(player)
    await core.execute(answer_join_request, code=request.code, by=ann.id, approve=True)
    assert core.presence.expire(clock.now, 60) == [bob.id]


# Queries in steps


def counting(state, *, steps, work, log, name=""):
    for number in range(steps):
        yield work if number else 0
        log.append(name)
    return name


async def other_requests(turns):
    while True:
        turns.append(None)
        await asyncio.sleep(0)


async def test_query_in_steps_lets_other_requests_run_after_some_work(core):
    turns, log = [], []
    others = asyncio.create_task(other_requests(turns))
    work = MAX_WORK // 2
    query = core.query_in_steps(counting, steps=41, work=work, log=log, name="result")
    assert await query == "result"
    others.cancel()
    assert len(turns) >= 20


async def test_queries_in_steps_run_one_at_a_time(core):
    log = []
    queries = [
        core.query_in_steps(counting, steps=5, work=MAX_WORK, log=log, name=name) for name in "abc"
    ]
    assert await asyncio.gather(*queries) == ["a", "b", "c"]
    assert "".join(log) == "aaaaabbbbbccccc"


async def test_query_without_a_step_does_not_wait_for_others(core):
    log = []
    long = asyncio.create_task(
        core.query_in_steps(counting, steps=50, work=MAX_WORK, log=log, name="long")
    )
    await asyncio.sleep(0)
    assert await core.query_in_steps(counting, steps=0, work=0, log=log, name="plain") == "plain"
    assert not long.done()
    await long


async def test_cancelled_query_in_steps_lets_the_next_one_run(core):
    log = []
    first = asyncio.create_task(
        core.query_in_steps(counting, steps=50, work=MAX_WORK, log=log, name="first")
    )
    await asyncio.sleep(0)
    first.cancel()
    assert await core.query_in_steps(counting, steps=3, work=1, log=log, name="next") == "next"
    assert first.cancelled()


async def test_searches_are_prepared_for_a_limited_time(core):
    listing = core.state.open_lobbies.of
    for number in range(4):
        guest, _ = await core.execute(create_guest, name="Ann")
        options = json.dumps({f"{key}": number for key in range(1000)}).encode()
        await core.execute(open_lobby, game="free", player_id=guest.id, name="x", options=options)
    unread = listing("free")._unread_options
    assert len(unread) == 4
    await core.prepare_searches(1)
    assert len(unread) == 4 and not listing("free")._unread_names
    await core.prepare_searches(1)
    assert len(unread) == 3
    await core.prepare_searches(10_000)
    assert not unread
