"""Worlds that fall silent together: their visits are suspended by several commands."""

import asyncio

from coalserver.core.commands.worlds import create_world, record_ping
from coalserver.core.engine import Core
from coalserver.core.ingest import ingest_batch
from coalserver.core.queries.worlds import count_online
from coalserver.core.unit_of_work import CoreContext
from coalserver.domain.minecraft.visitor import Visitor
from coalserver.domain.minecraft.world import Ping
from coalserver.services.housekeeping import MAX_WORK, Housekeeping, RetentionPolicy
from tests.core.stepped_clock import SteppedClock
from tests.core.stores import BlockingStore
from tests.core.worlds import DAY, log_line, parse_all

WORLDS, PLAYERS = 20, 40


async def test_worlds_that_fall_silent_together_are_several_commands():
    clock, store = SteppedClock(), BlockingStore()
    clock.offset = DAY + 11 * 3600
    core = await Core.recover(store, CoreContext(clock.wall, monotonic=clock.steady))
    writing = asyncio.create_task(core.writer.run())
    lines = parse_all(log_line("11:00:00", f"N{one} joined the game") for one in range(PLAYERS))
    worlds = [(await core.execute(create_world, name=f"W{one}")).id for one in range(WORLDS)]
    for world in worlds:
        if world % 2:
            # The agent of a world without one is silent in another way.
            await core.execute(record_ping, world_id=world, ping=Ping(running=True))
        numbers = range(1, PLAYERS + 1)
        await ingest_batch(
            core, world_id=world, source="log", parsed_lines=lines, sequences=numbers
        )
    housekeeping = Housekeeping(core, RetentionPolicy())
    store.batches.clear()
    for _ in range(70):
        clock.monotonic += 70
        await housekeeping.run_once()
    log_outs = [sum(kind is Visitor for kind, _ in batch.values) for batch in store.batches]
    core.writer.close()
    await writing
    assert sum(log_outs) == WORLDS * PLAYERS
    assert max(log_outs) <= MAX_WORK
    assert [count_online(core.state, world=world) for world in worlds] == [0] * WORLDS
