"""What is kept of a room's state: a snapshot now and then, and of the rest what was said."""

import asyncio
import json

import pytest

from coalserver.core.commands.hosts import launch_room, register_host
from coalserver.core.commands.synced_state import update_synced_state
from coalserver.core.engine import Core
from coalserver.domain.play.synced_state import SNAPSHOT_INTERVAL, SyncedState
from tests.core.stores import let_others_run


class Source:
    """A host who is the source of a room's truth."""

    def __init__(self, core, host, room, secret):
        self.core = core
        self.room = room
        self._who = {"room_id": room, "by": host, "secret": secret}

    async def change(self, **what):
        told = {name: json.dumps(value).encode() for name, value in what.items()}
        return await self.core.execute(update_synced_state, **self._who, **told)

    @property
    def shown(self):
        truth = self.core.committed(SyncedState, self.room)
        return None if truth is None else (truth.version, json.loads(truth.snapshot()))


@pytest.fixture
async def source(core, store):
    host, _ = await core.execute(register_host, game="hosts")
    room, secret = await core.execute(launch_room, host_id=host.id)
    store.batches.clear()
    return Source(core, host.id, room.id, secret)


async def found_again(store, setting, room):
    """The state as a server finds it that starts now."""
    core = await Core.recover(store, setting)
    truth = core.committed(SyncedState, room)
    assert truth == core.state.get(SyncedState, room)
    return truth


@pytest.mark.parametrize(
    "patches",
    [
        0,
        1,
        2,
        SNAPSHOT_INTERVAL - 1,
        SNAPSHOT_INTERVAL,
        SNAPSHOT_INTERVAL + 1,
        3 * SNAPSHOT_INTERVAL + 5,
    ],
)
@pytest.mark.parametrize("whole", [None, 0, 1, SNAPSHOT_INTERVAL])
async def test_recovered_state_equals_the_state_before(source, store, setting, patches, whole):
    for n in range(patches):
        if n == whole:
            await source.change(state={"new": n})
        await source.change(patch={"n": n, f"k{n}": n})
    kept = await found_again(store, setting, source.room)
    now = source.core.state.get(SyncedState, source.room)
    if now is None:
        assert kept is None
    else:
        assert (kept.version, kept.snapshot(), kept.entry) == (
            now.version,
            now.snapshot(),
            now.entry,
        )


async def test_changes_in_one_batch_are_recovered(source, store, setting):
    await source.change(state={})
    store.block_writes()
    tasks = [
        asyncio.ensure_future(source.change(patch={f"k{n}": n}))
        for n in range(SNAPSHOT_INTERVAL + 9)
    ]
    tasks.append(asyncio.ensure_future(source.change(state={"whole": True})))
    tasks += [asyncio.ensure_future(source.change(patch={f"k{n}": n})) for n in range(9)]
    await let_others_run()
    store.unblock_writes()
    await asyncio.gather(*tasks)
    kept = await found_again(store, setting, source.room)
    assert (kept.version, kept.snapshot()) == (
        1 + SNAPSHOT_INTERVAL + 9 + 1 + 9,
        b'{"whole":true,' + b",".join(b'"k%d":%d' % (n, n) for n in range(9)) + b"}",
    )


async def test_only_snapshots_are_written(source, store):
    for n in range(2 * SNAPSHOT_INTERVAL):
        await source.change(patch={"n": n})
    written = [batch for batch in store.batches if (SyncedState, source.room) in batch.values]
    assert len(written) == 3


async def test_committed_state_is_the_one_on_disk(source, store):
    await source.change(state="before")
    store.block_writes()
    change = asyncio.ensure_future(source.change(state="after"))
    await let_others_run()
    assert source.core.state.get(SyncedState, source.room).version == 2
    assert source.shown == (1, "before")
    store.unblock_writes()
    await change
    assert source.shown == (2, "after")


async def test_deleted_entries_do_not_affect_the_state(source, store, setting, clock):
    for n in range(9):
        await source.change(patch={f"k{n}": n})
    clock.now += 1000
    await source.core.delete_expired_entries(clock.now - 1, keep=0)
    assert await store.entries([("truth", source.room)], -1, 10) == []
    kept = await found_again(store, setting, source.room)
    assert (kept.version, kept.snapshot()) == (
        9,
        source.core.state.get(SyncedState, source.room).snapshot(),
    )
    await source.change(patch={"more": 1})
    assert (await found_again(store, setting, source.room)).version == 10
