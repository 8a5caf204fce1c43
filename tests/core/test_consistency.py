"""The laws of the house, tried with scripts nobody would think of."""

import asyncio
import random
import tempfile
from copy import deepcopy
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as some

from coalserver.core import topics
from coalserver.core.feed import FutureWaiter
from coalserver.core.state import INDEXES, State
from coalserver.domain.play.lobby import Lobby
from coalserver.domain.play.room import Room
from coalserver.storage.memory import MemoryStore
from coalserver.storage.sqlite.store import SqliteStore
from tests.core.client_views import View
from tests.core.random_scripts import GAMES, begin, finish, play, scripts, take
from tests.core.stores import DelayingStore, let_others_run

law = settings(deadline=None, max_examples=120)
tails = some.sampled_from([0, 5, 20_000])

#: Where everything is heard that happens in the first lobbies and rooms.
EVERYWHERE = (
    *(topic for game in GAMES for topic in (topics.lobbies(game), topics.rooms(game))),
    *(topics.room(id) for id in range(1, 20)),
)


async def after(core, cursor, limit=7):
    """Every entry after a cursor, read piece by piece."""
    entries = []
    while cursor < core.feed.head:
        found, cursor = await core.entries(EVERYWHERE, cursor, limit)
        entries += found
    return entries


def opened_in(outcomes):
    """How each lobby and room was when it was opened, as whoever opened it was told."""
    opened = {}
    for outcome in outcomes:
        value = outcome[0] if isinstance(outcome, tuple) else outcome
        if isinstance(value, Lobby | Room):
            opened.setdefault((type(value), value.id), value)
    return opened


@law
@given(scripts, tails)
async def test_snapshot_plus_later_events_is_the_current_snapshot(script, tail):
    core, work = await begin(MemoryStore(), tail)
    outcomes, snapshots = [], []
    for step in script:
        snapshots.append((core.feed.head, View.of(core.state)))
        outcomes += await play(core, [step])
    now = View.of(core.state)
    for cursor, snapshot in snapshots:
        assert snapshot.fold(await after(core, cursor), opened_in(outcomes)) == now
    await finish(core, work)


@law
@given(scripts, some.integers(0, 1000), tails)
async def test_snapshot_during_pending_writes_misses_no_event(script, seed, tail):
    chance = random.Random(seed)
    core, work = await begin(DelayingStore(chance), tail)
    tasks, snapshots = [], []
    for step in script:
        tasks.append(asyncio.create_task(take(core, step)))
        await let_others_run(chance.randrange(1, 6))
        # The cursor first: a client that asks the other way round would miss what came between.
        snapshots.append((core.feed.head, deepcopy(View.of(core.state))))
    outcomes = await asyncio.gather(*tasks)
    now = View.of(core.state).without_turns()
    for cursor, snapshot in snapshots:
        folded = snapshot.fold(await after(core, cursor), opened_in(outcomes))
        assert folded.without_turns() == now
    await finish(core, work)


async def listen(core, heard, limit):
    """Read everything there is, then wait for more, until the feed closes."""
    cursor = -1
    while True:
        found, cursor = await core.entries(heard, cursor, limit)
        for entry in found:
            yield entry
        if found or not core.feed.covers(cursor) or core.feed.has_newer(heard, cursor):
            continue
        if core.feed.closed:
            return
        ear = FutureWaiter()
        core.feed.add_waiter(heard, ear)
        await ear.future
        core.feed.unsubscribe(heard, ear)


async def what_is_seen(store, script, tail):
    """What callers are told and what two listeners hear."""
    core, work = await begin(store, tail)

    async def all_heard(heard, limit):
        return [entry async for entry in listen(core, heard, limit)]

    listeners = [
        asyncio.create_task(all_heard(EVERYWHERE, limit=3)),
        asyncio.create_task(all_heard((topics.lobby(1), topics.lobbies("free")), limit=50)),
    ]
    outcomes = await play(core, script)
    said = core.state.counters.get("entry", 0)
    await finish(core, work)
    return outcomes, [await listener for listener in listeners], said


@law
@given(scripts, some.integers(0, 1000), tails)
async def test_delaying_store_changes_no_result_or_event(script, seed, tail):
    prompt = await what_is_seen(MemoryStore(), script, 20_000)
    sleepy = await what_is_seen(DelayingStore(random.Random(seed)), script, tail)
    assert sleepy == prompt


@law
@given(scripts, some.integers(0, 1000), tails)
async def test_subscriber_receives_each_entry_once_in_order(script, seed, tail):
    store = DelayingStore(random.Random(seed))
    _, (everything, _), said = await what_is_seen(store, script, tail)
    there = [entry for entry in await store.entries(EVERYWHERE, -1, said + 1)]
    assert everything == there
    assert [entry.id for entry in there] == sorted({entry.id for entry in there})


def parts(state):
    """All that a state holds, and under which keys it finds it."""
    values = {kind: {value.id: value for value in state.all(kind)} for kind in INDEXES}
    found = {
        (kind, name, key): set(ids)
        for kind, indexes in state._indexes.items()
        for name, index in indexes.items()
        for key, ids in index.items()
    }
    return values, found, state.counters


async def recovered(store):
    known = await store.open()
    state = State(known.values, known.counters)
    await store.close()
    return state, known.head


@law
@given(scripts)
async def test_recovered_state_equals_the_state_in_memory(script):
    store = MemoryStore()
    core, work = await begin(store)
    await play(core, script)
    await finish(core, work)
    state, head = await recovered(store)
    assert (parts(state), head) == (parts(core.state), core.feed.head)


@settings(deadline=None, max_examples=40)
@given(scripts)
async def test_state_recovered_from_a_file_equals_the_state_in_memory(script):
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "kept.sqlite3")
        core, work = await begin(store)
        await play(core, script)
        await finish(core, work)
        written = await store.entries(EVERYWHERE, -1, 10_000)
        await store.close()
        state, head = await recovered(store)
    assert (parts(state), head) == (parts(core.state), core.feed.head)
    assert written == core.feed.after(EVERYWHERE, -1, 10_000)
