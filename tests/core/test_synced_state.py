"""What is kept of a room's state: a snapshot now and then, and of the rest what was said."""

import asyncio
import json

import pytest

from coalserver.core.commands.hosts import launch, register_host
from coalserver.core.commands.synced_state import change_truth
from coalserver.core.engine import Core
from coalserver.domain.play.synced_state import EVERY, Truth
from tests.core.stores import turns


class Source:
    """A host who is the source of a room's truth."""

    def __init__(self, core, host, room, secret):
        self.core = core
        self.room = room
        self._who = {"room_id": room, "by": host, "secret": secret}

    async def change(self, **what):
        told = {name: json.dumps(value).encode() for name, value in what.items()}
        return await self.core.do(change_truth, **self._who, **told)

    @property
    def shown(self):
        truth = self.core.shown(Truth, self.room)
        return None if truth is None else (truth.version, json.loads(truth.whole()))


@pytest.fixture
async def source(core, store):
    host, _ = await core.do(register_host, game="hosts")
    room, secret = await core.do(launch, host=host.id)
    store.batches.clear()
    return Source(core, host.id, room.id, secret)


async def found_again(store, setting, room):
    """The state as a server finds it that starts now."""
    core = await Core.recover(store, setting)
    truth = core.shown(Truth, room)
    assert truth == core.state.get(Truth, room)
    return truth


@pytest.mark.parametrize("patches", [0, 1, 2, EVERY - 1, EVERY, EVERY + 1, 3 * EVERY + 5])
@pytest.mark.parametrize("whole", [None, 0, 1, EVERY])
async def test_a_start_finds_the_state_as_it_was(source, store, setting, patches, whole):
    for n in range(patches):
        if n == whole:
            await source.change(state={"new": n})
        await source.change(patch={"n": n, f"k{n}": n})
    kept = await found_again(store, setting, source.room)
    now = source.core.state.get(Truth, source.room)
    if now is None:
        assert kept is None
    else:
        assert (kept.version, kept.whole(), kept.entry) == (now.version, now.whole(), now.entry)


async def test_what_gathers_in_one_batch_is_found_as_well(source, store, setting):
    await source.change(state={})
    store.shut_door()
    tasks = [asyncio.ensure_future(source.change(patch={f"k{n}": n})) for n in range(EVERY + 9)]
    tasks.append(asyncio.ensure_future(source.change(state={"whole": True})))
    tasks += [asyncio.ensure_future(source.change(patch={f"k{n}": n})) for n in range(9)]
    await turns()
    store.open_door()
    await asyncio.gather(*tasks)
    kept = await found_again(store, setting, source.room)
    assert (kept.version, kept.whole()) == (
        1 + EVERY + 9 + 1 + 9,
        b'{"whole":true,' + b",".join(b'"k%d":%d' % (n, n) for n in range(9)) + b"}",
    )


async def test_only_snapshots_are_written(source, store):
    for n in range(2 * EVERY):
        await source.change(patch={"n": n})
    written = [batch for batch in store.batches if (Truth, source.room) in batch.values]
    assert len(written) == 3


async def test_nobody_is_shown_what_is_not_on_disk(source, store):
    await source.change(state="before")
    store.shut_door()
    change = asyncio.ensure_future(source.change(state="after"))
    await turns()
    assert source.core.state.get(Truth, source.room).version == 2
    assert source.shown == (1, "before")
    store.open_door()
    await change
    assert source.shown == (2, "after")


async def test_what_is_forgotten_takes_no_state_with_it(source, store, setting, clock):
    for n in range(9):
        await source.change(patch={f"k{n}": n})
    clock.now += 1000
    await source.core.forget(clock.now - 1, keep=0)
    assert await store.entries([("truth", source.room)], -1, 10) == []
    kept = await found_again(store, setting, source.room)
    assert (kept.version, kept.whole()) == (9, source.core.state.get(Truth, source.room).whole())
    await source.change(patch={"more": 1})
    assert (await found_again(store, setting, source.room)).version == 10
