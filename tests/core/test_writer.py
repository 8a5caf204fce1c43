"""The batch writer: results and entries follow the write, and a failed write fails its commands."""

import asyncio

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.feed import FutureWaiter
from coalserver.core.ports import StoreFailed
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.core.writer import ANSWER_TURNS, MAX_SIGNS, SIGN_SECONDS, BatchWriter, Signs
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from tests.core.stores import let_others_run
from tests.domain.builders import raises_code


def start_opening(core, player=1):
    """Start opening a lobby; the task ends with the result."""
    return asyncio.create_task(core.execute(open_lobby, game="free", player_id=player, name="here"))


async def open_blocked(core, store, player=1):
    """Start opening a lobby whose write is blocked."""
    store.block_writes()
    task = start_opening(core, player)
    await let_others_run()
    return task


async def fail_write(core, store):
    """Fail the write of one command while another waits behind it."""
    first = await open_blocked(core, store)
    second = start_opening(core, player=2)
    await let_others_run()
    store.error = OSError("the disk is gone")
    store.unblock_writes()
    await let_others_run()
    return first, second


async def test_result_waits_for_the_disk(core, store):
    answer = await open_blocked(core, store)
    assert not answer.done()
    store.unblock_writes()
    assert (await answer).id == 1


async def test_change_is_visible_to_the_next_command_at_once(core, store):
    await open_blocked(core, store)
    joined = asyncio.create_task(core.execute(join_lobby, lobby_id=1, player_id=2))
    await let_others_run()
    assert 2 in core.state.get(Lobby, 1).roster
    assert not joined.done()


async def test_waiting_commands_are_written_together(core, store):
    await open_blocked(core, store)
    many = [asyncio.create_task(core.execute(create_guest, name="")) for _ in range(100)]
    await let_others_run()
    store.unblock_writes()
    await asyncio.gather(*many)
    assert len(store.batches) == 2
    assert sum(kind is Player for kind, _ in store.batches[1].values) == 100


async def test_callers_that_ask_again_after_their_answers_stay_together(core, store):
    async def ask(number):
        for _ in range(5):
            await core.execute(create_guest, name="")
            # The answer and the next request take some iterations of the loop, not all the same number.
            for _ in range(number % ANSWER_TURNS):
                await asyncio.sleep(0)

    await asyncio.gather(*map(ask, range(12)))
    callers = [sum(kind is Player for kind, _ in batch.values) for batch in store.batches]
    assert callers == [12] * 5


async def test_a_batch_of_one_caller_is_followed_by_the_next_one_at_once(core, store):
    first = await open_blocked(core, store)
    second = start_opening(core, player=2)
    await let_others_run()
    store.unblock_writes()
    await first
    assert len(store.batches) == 2
    await second


async def test_cancelled_caller_does_not_affect_a_pending_batch(core, store):
    first, second = start_opening(core), start_opening(core, 2)
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).id == 2
    assert [kind for kind, _ in store.batches[0].values].count(Lobby) == 2


async def test_only_the_last_value_of_an_entity_is_written(core, store):
    await open_blocked(core, store)
    lobby = asyncio.create_task(core.execute(open_lobby, game="free", player_id=2, name="other"))
    await let_others_run()
    joined = asyncio.create_task(core.execute(join_lobby, lobby_id=2, player_id=1))
    await let_others_run()
    store.unblock_writes()
    await asyncio.gather(lobby, joined)
    assert list(store.batches[1].values[Lobby, 2].roster) == [2, 1]


async def test_batch_being_written_does_not_change(core, store):
    await open_blocked(core, store)
    asyncio.ensure_future(core.execute(join_lobby, lobby_id=1, player_id=2))
    await let_others_run()
    assert list(store.batches[0].values[Lobby, 1].roster) == [1]


async def test_entries_are_published_after_the_write(core, store):
    await open_blocked(core, store)
    assert core.feed.head == -1
    assert core.feed.after([topics.lobby(1)], -1, 10) == []


async def test_entries_are_published_before_the_result(core, store):
    answer = await open_blocked(core, store)
    heads = []
    answer.add_done_callback(lambda _: heads.append(core.feed.head))
    waiter = FutureWaiter()
    core.feed.add_waiter([topics.lobby(1)], waiter)
    waiter.future.add_done_callback(lambda _: heads.append("heard"))
    store.unblock_writes()
    await answer
    await let_others_run()
    assert heads == ["heard", 0]


async def test_cancelled_caller_does_not_affect_other_callers(core, store):
    await open_blocked(core, store)
    cancelled, other = (
        start_opening(core, 2),
        asyncio.create_task(core.execute(create_guest, name="")),
    )
    await let_others_run()
    cancelled.cancel()
    store.unblock_writes()
    player, _ = await other
    assert player.id == 3
    assert core.state.get(Lobby, 2) is not None


async def test_refused_command_writes_nothing(core, store):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        await core.execute(open_lobby, game="nowhere", player_id=1, name="here")
    assert store.batches == []


async def test_failed_write_raises_store_failed_with_its_cause(core, store):
    first, _ = await fail_write(core, store)
    with pytest.raises(StoreFailed) as failed:
        await first
    assert failed.value.__cause__ is store.error


async def test_failed_write_fails_the_waiting_commands(core, store):
    _, second = await fail_write(core, store)
    with pytest.raises(StoreFailed):
        await second


async def test_failed_write_fails_all_later_commands(core, store):
    await fail_write(core, store)
    with pytest.raises(StoreFailed):
        await core.execute(create_guest, name="")
    assert core.state.get(Player, 3) is None


async def test_failed_write_publishes_nothing(core, store):
    await fail_write(core, store)
    assert core.feed.head == -1


async def test_failed_write_ends_the_writer(store, core, context):
    writer = BatchWriter(store, core.state, core.feed)
    store.error = OSError("the disk is gone")
    uow = UnitOfWork(core.state, context, 0.0)
    create_guest(uow, name="")
    future = writer.commit(uow)
    with pytest.raises(OSError, match="the disk is gone"):
        await writer.run()
    assert isinstance(future.exception(), StoreFailed)


async def test_cancelled_writer_fails_pending_commands(core, context, store):
    writer = BatchWriter(store, core.state, core.feed)
    store.block_writes()
    uow = UnitOfWork(core.state, context, 0.0)
    create_guest(uow, name="")
    future = writer.commit(uow)
    writing = asyncio.create_task(writer.run())
    await let_others_run()
    writing.cancel()
    await let_others_run()
    assert isinstance(future.exception(), StoreFailed)


async def test_failing_waiter_does_not_affect_callers(core):
    class FailingWaiter:
        error = None

        def wake(self):
            raise KeyError("failed")

        def fail(self, error):
            self.error = error

    failing = FailingWaiter()
    core.feed.add_waiter([topics.lobbies("free")], failing)
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    await core.execute(open_lobby, game="free", player_id=2, name="other")
    assert isinstance(failing.error, KeyError)


async def test_activity_alone_is_not_written(core, store):
    core.record_activity(1)
    await let_others_run()
    assert store.batches == []


def take_signs(signs, *, after):
    """Return what the next batch writes a number of seconds after the last time."""
    signs.due_at = SIGN_SECONDS
    return signs.take(after)


async def test_activity_is_written_with_a_later_batch(core, store, clock):
    clock.now = 1234.5
    core.record_activity(1)
    await core.execute(create_guest, name="")
    clock.now = 1240.0
    core.record_activity(1)
    core.writer._signs.due_at -= SIGN_SECONDS
    await core.execute(create_guest, name="")
    assert [batch.last_seen for batch in store.batches] == [{}, {1: 1240.0}]


def test_activity_gathers_for_half_a_minute():
    signs = Signs()
    signs.gathering[1] = 5.0
    assert take_signs(signs, after=SIGN_SECONDS - 1) == {}
    signs.gathering[1] = 6.0
    assert take_signs(signs, after=SIGN_SECONDS) == {1: 6.0}
    assert take_signs(signs, after=SIGN_SECONDS) == {}


def test_one_batch_writes_the_activity_of_a_limited_number_of_players():
    signs = Signs()
    players = MAX_SIGNS * 2 + 10
    signs.gathering.update((player, 1.0) for player in range(players))
    taken = [take_signs(signs, after=SIGN_SECONDS)]
    # Newer activity does not delay what is due, and is written after it.
    signs.gathering[players - 1] = 2.0
    taken += [take_signs(signs, after=SIGN_SECONDS) for _ in range(4)]
    assert [len(some) for some in taken] == [MAX_SIGNS, MAX_SIGNS, 10, 1, 0]
    assert {player for some in taken for player in some} == set(range(players))
    assert taken[3] == {players - 1: 2.0}


def test_last_write_has_the_newest_activity_of_all():
    signs = Signs()
    signs.gathering.update((player, 1.0) for player in range(MAX_SIGNS + 5))
    take_signs(signs, after=SIGN_SECONDS)
    signs.gathering[MAX_SIGNS] = 2.0
    assert signs.take_all() == {
        MAX_SIGNS: 2.0,
        **dict.fromkeys(range(MAX_SIGNS + 1, MAX_SIGNS + 5), 1.0),
    }
    assert signs.take_all() == {}


async def test_activity_is_written_at_the_end(core, store):
    core.record_activity(1)
    core.writer.close()
    await let_others_run()
    assert store.batches[-1].last_seen == {1: 1000.0}


async def test_closed_writer_writes_pending_commands(core, store):
    first = await open_blocked(core, store)
    second = asyncio.create_task(core.execute(create_guest, name=""))
    await let_others_run()
    core.writer.close()
    store.unblock_writes()
    await asyncio.gather(first, second)
    assert len(store.batches) == 2


async def test_closed_writer_rejects_commands(core):
    core.writer.close()
    with pytest.raises(StoreFailed):
        await core.execute(create_guest, name="")


async def test_flushed_waits_for_all_committed_changes(core, store):
    first = await open_blocked(core, store)
    second = asyncio.create_task(
        core.execute(members.chat, kind=Lobby, id=1, player_id=1, text="hello")
    )
    await let_others_run()
    flushed = asyncio.create_task(core.writer.flushed())
    await let_others_run()
    assert not flushed.done()
    store.unblock_writes()
    await flushed
    await let_others_run()
    assert first.done() and second.done()


async def test_flushed_returns_at_once_when_idle(core):
    await core.writer.flushed()
