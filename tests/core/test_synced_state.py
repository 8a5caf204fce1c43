"""Stored synced state: snapshots at intervals, and patches from the entries."""

import asyncio
import json

import pytest

from coalserver.core.commands.hosts import launch_room, register_host
from coalserver.core.commands.synced_state import update_synced_state
from coalserver.core.engine import Core
from coalserver.domain.play.synced_state import SNAPSHOT_INTERVAL, SyncedState
from tests.core.stores import let_others_run


class Source:
    """The source of synced_state of a room."""

    def __init__(self, core, host, room, secret):
        self.core = core
        self.room = room
        self._params = {"room_id": room, "by": host, "secret": secret}

    async def update(self, **values):
        dumped = {name: json.dumps(value).encode() for name, value in values.items()}
        return await self.core.execute(update_synced_state, **self._params, **dumped)

    @property
    def committed(self):
        synced_state = self.core.committed(SyncedState, self.room)
        return (
            None
            if synced_state is None
            else (synced_state.version, json.loads(synced_state.snapshot()))
        )


@pytest.fixture
async def source(core, store):
    host, _ = await core.execute(register_host, game="hosts")
    room, secret = await core.execute(launch_room, host_id=host.id)
    store.batches.clear()
    return Source(core, host.id, room.id, secret)


async def recover(store, context, room):
    """Return the state that a restarted core has."""
    core = await Core.recover(store, context)
    synced_state = core.committed(SyncedState, room)
    assert synced_state == core.state.get(SyncedState, room)
    return synced_state


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
@pytest.mark.parametrize("full_state_at", [None, 0, 1, SNAPSHOT_INTERVAL])
async def test_recovered_state_equals_the_state_before(
    source, store, context, patches, full_state_at
):
    for n in range(patches):
        if n == full_state_at:
            await source.update(state={"new": n})
        await source.update(patch={"n": n, f"k{n}": n})
    recovered = await recover(store, context, source.room)
    now = source.core.state.get(SyncedState, source.room)
    if now is None:
        assert recovered is None
    else:
        assert (recovered.version, recovered.snapshot(), recovered.entry) == (
            now.version,
            now.snapshot(),
            now.entry,
        )


async def test_changes_in_one_batch_are_recovered(source, store, context):
    await source.update(state={})
    store.block_writes()
    tasks = [
        asyncio.ensure_future(source.update(patch={f"k{n}": n}))
        for n in range(SNAPSHOT_INTERVAL + 9)
    ]
    tasks.append(asyncio.ensure_future(source.update(state={"whole": True})))
    tasks += [asyncio.ensure_future(source.update(patch={f"k{n}": n})) for n in range(9)]
    await let_others_run()
    store.unblock_writes()
    await asyncio.gather(*tasks)
    recovered = await recover(store, context, source.room)
    assert (recovered.version, recovered.snapshot()) == (
        1 + SNAPSHOT_INTERVAL + 9 + 1 + 9,
        b'{"whole":true,' + b",".join(b'"k%d":%d' % (n, n) for n in range(9)) + b"}",
    )


async def test_only_snapshots_are_written(source, store):
    for n in range(2 * SNAPSHOT_INTERVAL):
        await source.update(patch={"n": n})
    written = [batch for batch in store.batches if (SyncedState, source.room) in batch.values]
    assert len(written) == 3


async def test_committed_state_is_the_one_on_disk(source, store):
    await source.update(state="before")
    store.block_writes()
    change = asyncio.ensure_future(source.update(state="after"))
    await let_others_run()
    assert source.core.state.get(SyncedState, source.room).version == 2
    assert source.committed == (1, "before")
    store.unblock_writes()
    await change
    assert source.committed == (2, "after")


async def test_deleted_entries_do_not_affect_the_state(source, store, context, clock):
    for n in range(9):
        await source.update(patch={f"k{n}": n})
    clock.now += 1000
    await source.core.delete_expired_entries(clock.now - 1, keep=0)
    assert await store.entries([("truth", source.room)], -1, 10) == []
    recovered = await recover(store, context, source.room)
    assert (recovered.version, recovered.snapshot()) == (
        9,
        source.core.state.get(SyncedState, source.room).snapshot(),
    )
    await source.update(patch={"more": 1})
    assert (await recover(store, context, source.room)).version == 10
