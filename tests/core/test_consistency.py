"""Consistency of snapshots, events and recovered state, tested with random scripts."""

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
from tests.core.random_scripts import GAMES, begin, finish, run_script, run_step, scripts
from tests.core.stores import DelayingStore, let_others_run

consistency_settings = settings(deadline=None, max_examples=120)
tails = some.sampled_from([0, 5, 20_000])

#: The topics of all events of the first lobbies and rooms.
ALL_TOPICS = (
    *(topic for game in GAMES for topic in (topics.lobbies(game), topics.rooms(game))),
    *(topics.room(id) for id in range(1, 20)),
)


async def entries_after(core, cursor, limit=7):
    """Return all entries after a cursor, read in pages."""
    entries = []
    while cursor < core.feed.head:
        found, cursor = await core.entries(ALL_TOPICS, cursor, limit)
        entries += found
    return entries


def opened_groups(outcomes):
    """Return each lobby and room as the command that opened it returned it."""
    opened = {}
    for outcome in outcomes:
        value = outcome[0] if isinstance(outcome, tuple) else outcome
        if isinstance(value, Lobby | Room):
            opened.setdefault((type(value), value.id), value)
    return opened


@consistency_settings
@given(scripts, tails)
async def test_snapshot_plus_later_events_is_the_current_snapshot(script, tail):
    core, writing = await begin(MemoryStore(), tail)
    outcomes, snapshots = [], []
    for step in script:
        snapshots.append((core.feed.head, View.of(core.state)))
        outcomes += await run_script(core, [step])
    now = View.of(core.state)
    for cursor, snapshot in snapshots:
        assert snapshot.apply(await entries_after(core, cursor), opened_groups(outcomes)) == now
    await finish(core, writing)


@consistency_settings
@given(scripts, some.integers(0, 1000), tails)
async def test_snapshot_during_pending_writes_misses_no_event(script, seed, tail):
    rng = random.Random(seed)
    core, writing = await begin(DelayingStore(rng), tail)
    tasks, snapshots = [], []
    for step in script:
        tasks.append(asyncio.create_task(run_step(core, step)))
        await let_others_run(rng.randrange(1, 6))
        # The cursor first: in the other order, a client would miss entries in between.
        snapshots.append((core.feed.head, deepcopy(View.of(core.state))))
    outcomes = await asyncio.gather(*tasks)
    now = View.of(core.state).without_turns()
    for cursor, snapshot in snapshots:
        view = snapshot.apply(await entries_after(core, cursor), opened_groups(outcomes))
        assert view.without_turns() == now
    await finish(core, writing)


async def listen(core, subscribed, limit):
    """Yield all entries and those that follow, until the feed closes."""
    cursor = -1
    while True:
        found, cursor = await core.entries(subscribed, cursor, limit)
        for entry in found:
            yield entry
        if (
            found
            or not core.feed.covers(cursor, subscribed)
            or core.feed.has_newer(subscribed, cursor)
        ):
            continue
        if core.feed.closed:
            return
        waiter = FutureWaiter()
        core.feed.add_waiter(subscribed, waiter)
        await waiter.future
        core.feed.unsubscribe(subscribed, waiter)


async def run_with_listeners(store, script, tail):
    """Run a script; return its results, the entries of two listeners and the number of entries."""
    core, writing = await begin(store, tail)

    async def collect(subscribed, limit):
        return [entry async for entry in listen(core, subscribed, limit)]

    listeners = [
        asyncio.create_task(collect(ALL_TOPICS, limit=3)),
        asyncio.create_task(collect((topics.lobby(1), topics.lobbies("free")), limit=50)),
    ]
    outcomes = await run_script(core, script)
    entry_count = core.state.counters.get("entry", 0)
    await finish(core, writing)
    return outcomes, [await listener for listener in listeners], entry_count


@consistency_settings
@given(scripts, some.integers(0, 1000), tails)
async def test_delaying_store_changes_no_result_or_event(script, seed, tail):
    expected = await run_with_listeners(MemoryStore(), script, 20_000)
    actual = await run_with_listeners(DelayingStore(random.Random(seed)), script, tail)
    assert actual == expected


@consistency_settings
@given(scripts, some.integers(0, 1000), tails)
async def test_subscriber_receives_each_entry_once_in_order(script, seed, tail):
    store = DelayingStore(random.Random(seed))
    _, (received, _), entry_count = await run_with_listeners(store, script, tail)
    stored = [entry for entry in await store.entries(ALL_TOPICS, -1, entry_count + 1)]
    assert received == stored
    assert [entry.id for entry in stored] == sorted({entry.id for entry in stored})


def contents(state):
    """Return the entities, indexes and counters of a state."""
    values = {kind: {value.id: value for value in state.all(kind)} for kind in INDEXES}
    found = {
        (kind, name, key): set(state.ids(kind, name, key))
        for kind, indexes in state._indexes.items()
        for name, index in indexes.items()
        for key in index
    }
    return values, found, state.counters


async def recover_state(store):
    known = await store.open()
    state = State(known.values, known.counters)
    await store.close()
    return state, known.head


@consistency_settings
@given(scripts)
async def test_recovered_state_equals_the_state_in_memory(script):
    store = MemoryStore()
    core, writing = await begin(store)
    await run_script(core, script)
    await finish(core, writing)
    state, head = await recover_state(store)
    assert (contents(state), head) == (contents(core.state), core.feed.head)


@settings(deadline=None, max_examples=40)
@given(scripts)
async def test_state_recovered_from_a_file_equals_the_state_in_memory(script):
    with tempfile.TemporaryDirectory() as folder:
        store = SqliteStore(Path(folder) / "store.sqlite3")
        core, writing = await begin(store)
        await run_script(core, script)
        await finish(core, writing)
        written = await store.entries(ALL_TOPICS, -1, 10_000)
        await store.close()
        state, head = await recover_state(store)
    assert (contents(state), head) == (contents(core.state), core.feed.head)
    assert written == core.feed.after(ALL_TOPICS, -1, 10_000)
