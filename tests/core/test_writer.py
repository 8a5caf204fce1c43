"""The ledger: disk before word, many units at once, and nobody is told what did not happen."""

import asyncio

import pytest

from coalserver.core import topics
from coalserver.core.commands import members
from coalserver.core.commands.accounts import create_guest
from coalserver.core.commands.lobbies import join_lobby, open_lobby
from coalserver.core.feed import FutureWaiter
from coalserver.core.ports import StoreFailed
from coalserver.core.unit_of_work import UnitOfWork
from coalserver.core.writer import BatchWriter
from coalserver.domain.errors import ErrorCode
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.player import Player
from tests.core.stores import let_others_run
from tests.domain.builders import raises_code


def opening(core, player=1):
    """A lobby is being opened; the task ends when the caller is answered."""
    return asyncio.create_task(core.execute(open_lobby, game="free", player_id=player, name="here"))


async def held(core, store, player=1):
    """The same, at the moment at which its write waits for the disk."""
    store.block_writes()
    task = opening(core, player)
    await let_others_run()
    return task


async def broken(core, store):
    """The disk breaks under one command while another gathers behind it."""
    first = await held(core, store)
    second = opening(core, player=2)
    await let_others_run()
    store.error = OSError("the disk is gone")
    store.unblock_writes()
    await let_others_run()
    return first, second


async def test_an_answer_waits_for_the_disk(core, store):
    answer = await held(core, store)
    assert not answer.done()
    store.unblock_writes()
    assert (await answer).id == 1


async def test_what_a_command_did_is_seen_by_the_next_at_once(core, store):
    await held(core, store)
    joined = asyncio.create_task(core.execute(join_lobby, lobby_id=1, player_id=2))
    await let_others_run()
    assert 2 in core.state.get(Lobby, 1).roster
    assert not joined.done()


async def test_commands_that_gather_are_written_together(core, store):
    await held(core, store)
    many = [asyncio.create_task(core.execute(create_guest, name="")) for _ in range(100)]
    await let_others_run()
    store.unblock_writes()
    await asyncio.gather(*many)
    assert len(store.batches) == 2
    assert sum(kind is Player for kind, _ in store.batches[1].values) == 100


async def test_who_gives_up_while_others_gather_takes_nothing_from_them(core, store):
    first, second = opening(core), opening(core, 2)
    await asyncio.sleep(0)
    first.cancel()
    assert (await second).id == 2
    assert [kind for kind, _ in store.batches[0].values].count(Lobby) == 2


async def test_of_a_value_that_changed_twice_only_the_last_is_written(core, store):
    await held(core, store)
    lobby = asyncio.create_task(core.execute(open_lobby, game="free", player_id=2, name="there"))
    await let_others_run()
    joined = asyncio.create_task(core.execute(join_lobby, lobby_id=2, player_id=1))
    await let_others_run()
    store.unblock_writes()
    await asyncio.gather(lobby, joined)
    assert list(store.batches[1].values[Lobby, 2].roster) == [2, 1]


async def test_a_batch_that_is_being_written_does_not_change(core, store):
    await held(core, store)
    asyncio.ensure_future(core.execute(join_lobby, lobby_id=1, player_id=2))
    await let_others_run()
    assert list(store.batches[0].values[Lobby, 1].roster) == [1]


async def test_nothing_is_said_before_it_is_on_disk(core, store):
    await held(core, store)
    assert core.feed.head == -1
    assert core.feed.after([topics.lobby(1)], -1, 10) == []


async def test_it_is_said_before_the_caller_is_answered(core, store):
    answer = await held(core, store)
    heads = []
    answer.add_done_callback(lambda _: heads.append(core.feed.head))
    ear = FutureWaiter()
    core.feed.add_waiter([topics.lobby(1)], ear)
    ear.future.add_done_callback(lambda _: heads.append("heard"))
    store.unblock_writes()
    await answer
    await let_others_run()
    assert heads == ["heard", 0]


async def test_a_caller_who_gives_up_takes_nothing_from_the_others(core, store):
    await held(core, store)
    impatient, patient = opening(core, 2), asyncio.create_task(core.execute(create_guest, name=""))
    await let_others_run()
    impatient.cancel()
    store.unblock_writes()
    player, _ = await patient
    assert player.id == 3
    assert core.state.get(Lobby, 2) is not None


async def test_a_refused_command_writes_nothing(core, store):
    with raises_code(ErrorCode.GAME_NOT_FOUND):
        await core.execute(open_lobby, game="nowhere", player_id=1, name="here")
    assert store.batches == []


async def test_when_a_write_fails_everyone_in_it_is_told(core, store):
    first, _ = await broken(core, store)
    with pytest.raises(StoreFailed) as failed:
        await first
    assert failed.value.__cause__ is store.error


async def test_when_a_write_fails_those_who_gathered_meanwhile_are_told(core, store):
    _, second = await broken(core, store)
    with pytest.raises(StoreFailed):
        await second


async def test_after_a_write_that_failed_every_command_fails(core, store):
    await broken(core, store)
    with pytest.raises(StoreFailed):
        await core.execute(create_guest, name="")
    assert core.state.get(Player, 3) is None


async def test_of_a_write_that_failed_nothing_is_said(core, store):
    await broken(core, store)
    assert core.feed.head == -1


async def test_a_write_that_failed_ends_the_ledgers_work(store, core, setting):
    ledger = BatchWriter(store, core.state, core.feed)
    store.error = OSError("the disk is gone")
    unit = UnitOfWork(core.state, setting, 0.0)
    create_guest(unit, name="")
    future = ledger.commit(unit)
    with pytest.raises(OSError, match="the disk is gone"):
        await ledger.run()
    assert isinstance(future.exception(), StoreFailed)


async def test_work_that_is_cut_off_fails_those_who_wait(core, setting, store):
    ledger = BatchWriter(store, core.state, core.feed)
    store.block_writes()
    unit = UnitOfWork(core.state, setting, 0.0)
    create_guest(unit, name="")
    future = ledger.commit(unit)
    work = asyncio.create_task(ledger.run())
    await let_others_run()
    work.cancel()
    await let_others_run()
    assert isinstance(future.exception(), StoreFailed)


async def test_a_listener_at_fault_harms_nobody_who_waits(core):
    class Faulty:
        fault = None

        def wake(self):
            raise KeyError("a slip")

        def fail(self, fault):
            self.fault = fault

    faulty = Faulty()
    core.feed.add_waiter([topics.lobbies("free")], faulty)
    await core.execute(open_lobby, game="free", player_id=1, name="here")
    await core.execute(open_lobby, game="free", player_id=2, name="there")
    assert isinstance(faulty.fault, KeyError)


async def test_a_sign_of_life_is_never_a_write_of_its_own(core, store):
    core.record_activity(1)
    await let_others_run()
    assert store.batches == []


async def test_a_sign_of_life_is_written_with_the_next_batch(core, store, clock):
    clock.now = 1234.5
    core.record_activity(1)
    await core.execute(create_guest, name="")
    assert store.batches[0].last_seen == {1: 1234.5}


async def test_signs_not_yet_written_are_written_at_the_end(core, store):
    core.record_activity(1)
    core.writer.close()
    await let_others_run()
    assert store.batches[-1].last_seen == {1: 1000.0}


async def test_a_ledger_that_closes_writes_what_has_gathered(core, store):
    first = await held(core, store)
    second = asyncio.create_task(core.execute(create_guest, name=""))
    await let_others_run()
    core.writer.close()
    store.unblock_writes()
    await asyncio.gather(first, second)
    assert len(store.batches) == 2


async def test_a_closed_ledger_takes_nothing_more(core):
    core.writer.close()
    with pytest.raises(StoreFailed):
        await core.execute(create_guest, name="")


async def test_settled_waits_for_all_that_was_committed(core, store):
    first = await held(core, store)
    second = asyncio.create_task(
        core.execute(members.chat, kind=Lobby, id=1, player_id=1, text="hello")
    )
    await let_others_run()
    settled = asyncio.create_task(core.writer.flushed())
    await let_others_run()
    assert not settled.done()
    store.unblock_writes()
    await settled
    await let_others_run()
    assert first.done() and second.done()


async def test_where_nothing_is_on_its_way_all_is_settled(core):
    await core.writer.flushed()
